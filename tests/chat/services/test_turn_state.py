"""What a turn's row will say, and how a turn ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from bingproject.errors import UpstreamTimeoutError
from chat.models import TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import Finished, Prompt, Searching, Source, Sources, Suggestions, TextDelta
from chat.services.turn_state import TurnOutcome, TurnRequest, TurnSummary

END = Finished("as it stands", "as it came", retire=False)


def request(**fields: object) -> TurnRequest:
    """A turn of the open caller."""
    return TurnRequest("open", find_model("balanced"), Prompt("", (), "hello"), **fields)  # type: ignore[arg-type]


def test_a_summary_keeps_what_the_row_will_say() -> None:
    """The first text's time, the last sources, the suggestions."""
    summary, now = TurnSummary(), timezone.now()
    summary.add(Sources("q", (Source("a", "https://a.example"),)), now)
    was_silent = summary.first_text_at is None
    summary.add(TextDelta("x"), now)
    summary.add(TextDelta("y"), now + timedelta(seconds=1))
    summary.add(Suggestions(("more",)), now)
    assert was_silent
    assert summary.suggestions == ["more"]
    assert summary.first_text_at == now
    assert summary.sources == [{"title": "a", "url": "https://a.example"}]


def test_a_turn_that_came_to_its_end() -> None:
    """Its answer is kept as it stands, and told again the way its caller saw it."""
    summary = TurnSummary()
    assert summary.outcome(request(), END, is_refused=False) == TurnOutcome(TurnState.FINISHED, END.text, END.text)
    streamed = summary.outcome(request(is_streamed=True), END, is_refused=True)
    assert streamed == TurnOutcome(TurnState.REFUSED, END.text, END.streamed)


@pytest.mark.parametrize("end", [None, END])
def test_a_turn_that_the_callers_limit_ended(end: Finished | None) -> None:
    """The answer is what was shown, also when Bing had ended too; nothing shown is an answer as well."""
    for shown in ("as it", ""):
        outcome = TurnSummary().outcome(request(truncated_answer=lambda shown=shown: shown), end, is_refused=False)
        assert outcome == TurnOutcome(TurnState.CUT, shown, shown)


def test_a_turn_without_an_answer() -> None:
    """Its caller left, or it failed."""
    summary = TurnSummary()
    assert summary.outcome(request(), None, is_refused=False) == TurnOutcome(TurnState.LEFT)
    summary.fail(UpstreamTimeoutError())
    assert summary.outcome(request(), None, is_refused=False) == TurnOutcome(TurnState.FAILED)


@pytest.mark.parametrize(
    ("is_asked", "is_answered", "has_failed", "is_counted"),
    [
        (False, False, False, False),
        (False, False, True, False),
        (True, False, True, False),
        (True, False, False, True),
        (True, True, True, True),
        (True, True, False, True),
    ],
)
def test_what_bing_took_up_counts(is_asked: bool, is_answered: bool, has_failed: bool, is_counted: bool) -> None:
    """Left after asking, or failed after a word of Bing's: counted. Never asked, or failed without a word: not."""
    summary = TurnSummary()
    summary.is_asked = is_asked
    if is_answered:
        summary.add(Searching("tides"), timezone.now())
    if has_failed:
        summary.fail(UpstreamTimeoutError())
    assert summary.is_counted is is_counted
