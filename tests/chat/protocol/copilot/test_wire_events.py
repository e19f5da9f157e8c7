"""Events from frames."""

from __future__ import annotations

import pytest

from chat.protocol.copilot.records import WireEvent, parse_event


def test_the_keys_that_are_needed() -> None:
    """Others are skipped; text and bytes are alike."""
    frame = '{"event":"citation","partId":"1","url":"u","title":"t","somethingNew":{"x":[1]},"id":"5"}'
    assert parse_event(frame) == parse_event(frame.encode()) == WireEvent("citation", None, "1", None, "t", "u")


@pytest.mark.parametrize("frame", ["", "[1]", "7", "null", "{", "[" * 100_000, b"\xff", "\ud800"])
def test_what_is_no_object_is_none(frame: str | bytes) -> None:
    """No crash, whatever comes."""
    assert parse_event(frame) is None


def test_half_characters() -> None:
    """They stay in a piece of text, where the next one may complete them, and nowhere else."""
    event = parse_event('{"event":"appendText","text":"a\\ud83c","title":"b\\ud83c"}')
    assert event is not None
    assert (event.text, event.title) == ("a\ud83c", "b")
