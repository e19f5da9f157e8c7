"""What a turn gathers for its row, and whether it counts against a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from bingproject.errors import UpstreamTimeoutError
from chat.protocol.events import Searching, Source, Sources, Suggestions, TextDelta
from chat.services.record import Record


def test_a_record_keeps_what_the_row_will_say() -> None:
    """The first text's time, the last sources, the suggestions."""
    record, now = Record(), timezone.now()
    record.add(Sources("q", (Source("a", "https://a.example"),)), now)
    was_silent = record.first_text_at is None
    record.add(TextDelta("x"), now)
    record.add(TextDelta("y"), now + timedelta(seconds=1))
    record.add(Suggestions(("more",)), now)
    assert was_silent
    assert record.suggestions == ["more"]
    assert record.first_text_at == now
    assert record.sources == [{"title": "a", "url": "https://a.example"}]


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
    record = Record()
    record.is_asked = is_asked
    if is_answered:
        record.add(Searching("tides"), timezone.now())
    if has_failed:
        record.fail(UpstreamTimeoutError())
    assert record.is_counted is is_counted
