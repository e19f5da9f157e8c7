"""Which behaviours hold for a turn."""

from __future__ import annotations

import pytest

from bingproject.sandbox.chat.turn_words import ANSWERED, MisplacedWordError, choose
from bingproject.sandbox.core.scenarios import Rule, Scenarios
from bingproject.sandbox.providers import CATALOGUE

KNOWN = frozenset({"throttled", "words", "gap", "silent"})


def test_words_of_the_message() -> None:
    """Knobs with their numbers, and what becomes of the turn; a number counts how often."""
    text = "hi sandbox:words=5 sandbox:throttled=1"
    scenarios = Scenarios(CATALOGUE)
    assert choose(scenarios, text, "alice", KNOWN) == ({"words": 5.0}, "throttled")
    assert choose(scenarios, text, "alice", KNOWN) == ({"words": 5.0}, ANSWERED)


def test_a_rule_stands_in_place_of_words() -> None:
    """For the turn; knobs of the message go on beside a rule's."""
    scenarios = Scenarios(CATALOGUE)
    scenarios.add(Rule(scenarios.find("silent"), 1))
    scenarios.add(Rule(scenarios.find("gap", 0.5), 1))
    text = "sandbox:throttled sandbox:words=3"
    assert choose(scenarios, text, "alice", KNOWN) == ({"words": 3.0, "gap": 0.5}, "silent")


def test_a_rule_of_another_servers_is_left_alone() -> None:
    """It neither holds nor is used up."""
    scenarios = Scenarios(CATALOGUE)
    scenarios.add(Rule(scenarios.find("captcha"), 1))
    assert choose(scenarios, "hi", "alice", KNOWN) == ({}, ANSWERED)
    assert choose(scenarios, "hi", "alice", KNOWN | {"captcha"}) == ({}, "captcha")


def test_synonyms_mean_their_likes() -> None:
    """A number that nobody wrote is not taken along."""
    assert choose(Scenarios(CATALOGUE), "sandbox:busy", "a", KNOWN) == ({}, "throttled")


def test_words_that_do_not_fit() -> None:
    """Unknown anywhere, or unknown to this chat."""
    with pytest.raises(ValueError, match="no scenario"):
        choose(Scenarios(CATALOGUE), "sandbox:nonsense", "a", KNOWN)
    with pytest.raises(MisplacedWordError):
        choose(Scenarios(CATALOGUE), "sandbox:captcha", "a", KNOWN)
