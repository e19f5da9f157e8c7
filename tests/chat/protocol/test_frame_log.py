"""Frames are counted by kind: records across frames, events, and anything else."""

from __future__ import annotations

import pytest

from chat.protocol.frame_log import FrameLog
from chat.protocol.signalr import encode

RECORDS = "".join(
    encode(record)
    for record in (
        {},
        {"type": 6},
        {"type": 1, "target": "update", "arguments": [{"messages": [{"messageType": "Progress"}, {"text": "4"}]}]},
        {"type": 1, "target": "update", "arguments": [{"messages": [{"text": "4"}, "no message"]}, "nothing"]},
        {"type": 2, "item": {"messages": [{"messageType": "Suggestion"}]}},
        {"type": 3},
    )
)
COUNTED = (
    "1 handshake, 1 type 6, 2 type 1 update, 1 message Progress, 2 message of no type, 1 type 2, 1 message Suggestion, "
    "1 type 3"
)


def count(*frames: str | bytes) -> str:
    """Return the log of these frames."""
    frame_log = FrameLog()
    for frame in frames:
        frame_log.add(frame)
    return str(frame_log)


def test_kinds_are_listed_in_the_order_of_their_first_record() -> None:
    """The messages within a record are counted by their type."""
    assert count(RECORDS) == count(RECORDS.encode()) == COUNTED


@pytest.mark.parametrize("at", range(len(RECORDS)))
def test_a_frame_may_end_anywhere_in_a_record(at: int) -> None:
    """Right in front of a separator, too."""
    assert count(RECORDS[:at], RECORDS[at:]) == COUNTED


def test_an_event_is_a_frame_of_its_own() -> None:
    """Copilot sends them so."""
    frames: list[str | bytes] = [
        '{"event":"connected"}',
        '{"event":"appendText","text":"a}"}',
        b'{"event":"appendText"}',
        '{"event":"done"}',
    ]
    assert count(*frames) == "1 event connected, 2 event appendText, 1 event done"


def test_garbage_is_counted() -> None:
    """It raises nothing."""
    odd = '{"type":1,"target":"update","arguments":5}'
    assert count() == "nothing"
    assert count("no JSON\x1e[1]\x1e", f'{odd}\x1e{{"type":2,"item":{{"messages":7}}}}\x1e') == (
        "2 unreadable, 1 type 1 update, 1 type 2"
    )
