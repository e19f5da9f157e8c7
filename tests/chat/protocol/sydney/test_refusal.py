"""Refusals: before text and after it, with a text of their own and without."""

from __future__ import annotations

import pytest

from chat.protocol.events import Finished, Refused, TextDelta
from tests.chat.protocol.chathub.records import bot, success, update
from tests.chat.protocol.playing import play
from tests.chat.protocol.sydney.turns import greeted, new_turn, sample

WORDS = "Sorry, let us change the topic."
DISENGAGED = bot(None, "d1", messageType="Disengaged", hiddenText="> Conversation disengaged")


@pytest.mark.parametrize("name", ["apology_after_text", "apology_new_id"])
def test_row_16_an_apology_after_text_keeps_the_text(name: str) -> None:
    """Under the same id or another, it replaces nothing and is reported as a refusal."""
    events, code = play(new_turn(), [sample(name)])
    assert code == ""
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("First you take the")]
    assert events[-2] == Refused(WORDS, "apology", after_text=True)
    assert events[-1] == Finished("First you take the", "First you take the", retire=False)


def test_row_15_an_apology_before_text_is_a_refusal() -> None:
    """In an update or in the final record only; it has Bing's text, and there is no answer."""
    apology = bot(WORDS, contentOrigin="Apology")
    expected = [Refused(WORDS, "apology", after_text=False), Finished("", "", retire=False)]
    assert play(greeted(), [update(apology), success(apology)]) == (expected, "")
    assert play(greeted(), [success(apology)]) == (expected, "")


def test_row_15_disengaged_closes_the_conversation() -> None:
    """The apology behind it has the text, and the conversation takes no further turn."""
    events, code = play(new_turn(), [sample("disengaged")])
    assert code == ""
    assert events[-2:] == [Refused(WORDS, "disengaged", after_text=False), Finished("", "", retire=True)]


def test_disengaged_without_a_text_is_a_refusal() -> None:
    """Nothing else is needed to withdraw an answer."""
    events, _ = play(greeted(), [update(bot("One")), success(DISENGAGED)])
    assert events[1:] == [Refused("", "disengaged", after_text=True), Finished("One", "One", retire=True)]


def test_text_after_a_refusal_is_not_shown() -> None:
    """A withdrawn answer does not continue, and its sources are not reported."""
    sources = [{"providerDisplayName": "A", "seeMoreUrl": "https://a.test"}]
    frames = [update(bot(WORDS, contentOrigin="Apology")), update(bot("More", sourceAttributions=sources)), success()]
    events, _ = play(greeted(), frames)
    assert events == [Refused(WORDS, "apology", after_text=False), Finished("", "", retire=False)]
