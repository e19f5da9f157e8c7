"""Records as values."""

from __future__ import annotations

import json

import pytest

from chat.protocol.m365.records import Message, parse_record


@pytest.mark.parametrize("raw", [b"", b"[1]", b"7", b"{", b"[" * 100_000])
def test_what_is_no_object_is_none(raw: bytes) -> None:
    """No crash, whatever comes."""
    assert parse_record(raw) is None


def test_wrong_types_are_left_out() -> None:
    """Elements of a list that are no objects go, the others stay."""
    update = {"messages": [7, {"author": "bot", "text": 7}], "writeAtCursor": "x", "references": {}, "throttling": 1}
    record = parse_record(json.dumps({"type": 1, "target": "update", "arguments": ["odd", update]}).encode())
    assert record is not None
    [argument] = record.arguments or []
    assert argument.messages == [Message(text=7, author="bot")]
    assert (argument.write_at_cursor, argument.references, argument.throttling) == ("x", {}, 1)


def test_a_final_item_of_wrong_types() -> None:
    """Its result is kept; an item that is none is none."""
    record = parse_record(b'{"type":2,"item":{"messages":"odd","result":{"value":"Success"}}}')
    assert record is not None
    assert record.item is not None
    assert (record.item.messages, record.item.result) == ([], {"value": "Success"})
    odd = parse_record(b'{"type":2,"item":[1],"error":"e"}')
    assert odd is not None
    assert (odd.item, odd.error) == (None, "e")


def test_half_characters() -> None:
    """They stay at the cursor, where the next piece may complete them, and nowhere else."""
    fields = {"arguments": [{"writeAtCursor": "a\ud83c", "messages": [{"text": "b\ud83c"}]}]}
    record = parse_record(json.dumps(fields).encode())
    assert record is not None
    [update] = record.arguments or []
    assert (update.write_at_cursor, [message.text for message in update.messages or []]) == ("a\ud83c", ["b"])
