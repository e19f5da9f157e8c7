"""Every odd way in which an answer of the two living back ends may come: the caller gets all of it."""

from __future__ import annotations

import pytest

from bingproject.sandbox.copilot import site as copilot
from bingproject.sandbox.m365 import site as m365
from chat.models import Turn
from tests.factories import make_token_account, set_capability
from tests.journeys import test_copilot_refusals as at_copilot
from tests.journeys import test_m365_refusals as at_m365
from tests.journeys.chats import Chats
from tests.journeys.living import ask, at_rest, both, ways

PLAIN = {
    "copilot": ["one-char", "garbage", "unknown-type", "replace", "marks", "fraction-ids", "no-followups"],
    "m365": [
        "one-char", "many-records", "split-records", "split-utf8", "big", "garbage", "unknown-type", "final-only",
        "no-type3", "marks", "deltas-only", "snapshots-only", "tool-delta", "echo-pings",
    ],
}  # fmt: skip


@both
@ways
def test_an_answer_is_whole_however_it_comes(living: Chats, kind: str, stream: bool, subtests: pytest.Subtests) -> None:
    """Every knob: the very words that were asked come back once, to the last, and no mark with them."""
    set_capability(make_token_account(kind), kind, per_minute=None)
    for word in PLAIN[kind]:
        with subtests.test(word):
            asked = ask(living, f"foxes sandbox:{word}", model=kind, stream=stream)
            assert (asked.status, asked.finish_reason, asked.error) == (200, "stop", None)
            assert asked.content.count(f"“foxes sandbox:{word}”") == 1
            assert asked.content.endswith("The sandbox answers, not Bing.")
            assert "\ue200" not in asked.content
    at_rest(living)


# Where the text itself is another one in the end.
REWRITTEN = {"copilot": "replace-other", "m365": "shrink"}
# With these words: Microsoft 365's pieces are never replaced by another wording.
REWRITTEN_WITH = {"copilot": "", "m365": " sandbox:snapshots-only"}
# What other tests here are about, and lengths, speeds and memories.
ELSEWHERE = {
    "copilot": {"image", "image-empty", "image-failed", "late-followups", "suggestions", "think"},
    "m365": {"image", "suggestions", "think", "disengaged-only", "daily-limit"},
}
EVERYWHERE = {"delay", "gap", "nul", "recall", "search", "words"}


def test_each_word_of_the_sandbox_is_played() -> None:
    """What the twins of both services can do to a turn stands in a table, so nothing is only said to be handled."""
    failures = {
        "copilot": [*at_copilot.TURN, *at_copilot.ACCOUNT, *at_copilot.SILENCE],
        "m365": [*at_m365.TURN, *at_m365.ACCOUNT, *at_m365.SILENCE],
    }
    for kind, known in (("copilot", copilot.KNOWN), ("m365", m365.KNOWN)):
        answered = {*PLAIN[kind], REWRITTEN[kind], *ELSEWHERE[kind], *EVERYWHERE}
        assert known == answered | {row.scenario for row in failures[kind]}


@both
@ways
def test_an_answer_that_is_rewritten_under_way(living: Chats, kind: str, stream: bool) -> None:
    """Whole, it is the last word; a stream cannot take back what it has shown, and both end well."""
    make_token_account(kind)
    asked = ask(living, f"foxes sandbox:{REWRITTEN[kind]}{REWRITTEN_WITH[kind]}", model=kind, stream=stream)
    assert (asked.status, asked.finish_reason, asked.error) == (200, "stop", None)
    assert asked.content.startswith("You wrote" if stream else "In short")
    assert Turn.objects.get().answer.startswith("In short")
    at_rest(living)
