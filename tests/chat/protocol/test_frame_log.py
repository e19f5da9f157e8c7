"""What came over a socket, counted by kind: cut records, events, and what is neither."""

from __future__ import annotations

import pytest

from chat.protocol.outline import Outline
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
    """What these frames hold."""
    outline = Outline()
    for frame in frames:
        outline.add(frame)
    return str(outline)


def test_records_are_counted_in_the_order_in_which_their_kinds_came() -> None:
    """And the messages within them, by their type."""
    assert count(RECORDS) == count(RECORDS.encode()) == COUNTED


@pytest.mark.parametrize("at", range(len(RECORDS)))
def test_frames_cut_records_anywhere(at: int) -> None:
    """Also right before a separator."""
    assert count(RECORDS[:at], RECORDS[at:]) == COUNTED


def test_an_event_is_a_frame_of_its_own() -> None:
    """As Copilot sends them."""
    frames: list[str | bytes] = [
        '{"event":"connected"}',
        '{"event":"appendText","text":"a}"}',
        b'{"event":"appendText"}',
        '{"event":"done"}',
    ]
    assert count(*frames) == "1 event connected, 2 event appendText, 1 event done"


def test_what_is_no_record() -> None:
    """It is counted, and raises nothing."""
    odd = '{"type":1,"target":"update","arguments":5}'
    assert count() == "nothing"
    assert count("no JSON\x1e[1]\x1e", f'{odd}\x1e{{"type":2,"item":{{"messages":7}}}}\x1e') == (
        "2 unreadable, 1 type 1 update, 1 type 2"
    )
