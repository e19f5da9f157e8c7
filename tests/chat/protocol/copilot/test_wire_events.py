"""Events read from frames."""

from __future__ import annotations

import pytest

from chat.protocol.copilot.wire_events import WireEvent, parse_event


def test_the_keys_that_are_needed() -> None:
    """Others are skipped; text and bytes are alike."""
    frame = '{"event":"citation","partId":"1","url":"u","title":"t","somethingNew":{"x":[1]},"id":"5"}'
    assert parse_event(frame) == parse_event(frame.encode()) == WireEvent("citation", None, "1", None, "t", "u")


@pytest.mark.parametrize("frame", ["", "[1]", "7", "null", "{", "[" * 100_000, b"\xff", "\ud800"])
def test_anything_but_an_object_is_none(frame: str | bytes) -> None:
    """Nothing raises."""
    assert parse_event(frame) is None


def test_lone_surrogates_stay_in_pieces_only() -> None:
    """The next piece may complete them; in other texts nothing can."""
    event = parse_event('{"event":"appendText","text":"a\\ud83c","title":"b\\ud83c"}')
    assert event is not None
    assert (event.text, event.title) == ("a\ud83c", "b")


def test_nul_is_removed_from_texts() -> None:
    """In a piece of the answer it stays, and the answer's text removes it."""
    event = parse_event('{"event":"titleUpdate","title":"a\\u0000b"}')
    assert event is not None
    assert event.title == "ab"
