"""Records in good shape and in bad."""

from __future__ import annotations

import pytest

from chat.protocol.sydney.records import Item, Message, Update, parse_record


def test_a_good_record() -> None:
    """The needed keys are read and all others passed over."""
    raw = (
        b'{"type":1,"target":"update","x":[{"y":1}],"arguments":[{"messages":[{"text":"4","messageId":"b1","z":{}}]}]}'
    )
    record = parse_record(raw)
    assert record is not None
    assert (record.type, record.target, record.item) == (1, "update", None)
    assert record.arguments == [Update([Message(text="4", message_id="b1")])]


@pytest.mark.parametrize(
    "raw", [b"", b"garbage", b"[1]", b"7", b'{"type":', b"null", b'"x"', b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_object_is_no_record(raw: bytes) -> None:
    """Garbage gives nothing, and raises nothing."""
    assert parse_record(raw) is None


def test_lists_lose_what_does_not_belong() -> None:
    """One odd element does not cost the record its others."""
    record = parse_record(
        b'{"type":2,"arguments":7,"item":{"messages":[1,{"text":"4"},null],"result":{"value":"Success"}}}'
    )
    assert record is not None
    assert record.item == Item([Message(text="4")], None, {"value": "Success"})
    assert record.arguments == []
    updates = parse_record(b'{"type":1,"arguments":[3,{"messages":{"odd":1},"throttling":{}}],"item":[]}')
    assert updates is not None
    assert (updates.arguments, updates.item) == ([Update([], {})], None)


def test_damaged_characters_are_replaced() -> None:
    """Bytes that are no UTF-8 and halves of pairs become replacements; a half at the end is left out."""
    record = parse_record(
        b'{"type":7,"error":"a\xff\\ud83cb","target":["\\udf15",null],"arguments":[{"messages":[{"text":"x\\ud83c"}]}]}'
    )
    assert record is not None
    assert (record.error, record.target) == ("a\ufffd\ufffdb", ["\ufffd", None])
    assert record.arguments == [Update([Message(text="x")])]
