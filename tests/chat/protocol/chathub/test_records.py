"""Records in good shape and in bad, read by either dialect."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from chat.protocol.chathub.records import Item, Message, Record, parse_damaged, parse_messages
from chat.protocol.m365 import records as m365
from chat.protocol.sydney import records as sydney


@pytest.fixture(params=[m365, sydney], ids=["m365", "sydney"])
def records(request: pytest.FixtureRequest) -> Any:
    """The records of either dialect."""
    return request.param


def test_a_good_record(records: ModuleType) -> None:
    """The needed keys are read and all others passed over."""
    raw = (
        b'{"type":1,"target":"update","x":[{"y":1}],"arguments":[{"messages":[{"text":"4","messageId":"b1","z":{}}]}]}'
    )
    record = records.parse_record(raw)
    assert (record.type, record.target, record.item) == (1, "update", None)
    assert record.arguments == [records.Update([records.Message(text="4", message_id="b1")])]


@pytest.mark.parametrize(
    "raw", [b"", b"garbage", b"[1]", b"7", b"{", b'{"type":', b"null", b'"x"', b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_object_is_no_record(records: ModuleType, raw: bytes) -> None:
    """Garbage gives nothing, and raises nothing."""
    assert records.parse_record(raw) is None


def test_lists_lose_what_does_not_belong(records: ModuleType) -> None:
    """One odd element does not cost the record its others; a good end among them stays one."""
    record = records.parse_record(
        b'{"type":2,"arguments":7,"item":{"messages":[1,{"text":"4"},null],"result":{"value":"Success"}}}'
    )
    assert record.item == Item([records.Message(text="4")], None, {"value": "Success"})
    assert record.arguments == []
    updates = records.parse_record(b'{"type":1,"arguments":[3,{"messages":{"odd":1},"throttling":{}}],"item":[]}')
    assert (updates.arguments, updates.item) == ([records.Update([], throttling={})], None)
    odd = records.parse_record(b'{"type":2,"item":{"messages":"odd","result":{"value":"Success"}},"error":"e"}')
    assert (odd.item, odd.error) == (Item([], None, {"value": "Success"}), "e")


def test_damaged_characters_are_replaced(records: ModuleType) -> None:
    """Bytes that are no UTF-8 and halves of pairs become replacements; a half at the end is left out."""
    record = records.parse_record(
        b'{"type":7,"error":"a\xff\\ud83cb","target":["\\udf15",null],"arguments":[{"messages":[{"text":"x\\ud83c"}]}]}'
    )
    assert (record.error, record.target) == ("a\ufffd\ufffdb", ["\ufffd", None])
    assert record.arguments == [records.Update([records.Message(text="x")])]


def test_an_argument_comes_as_it_was() -> None:
    """The dialect decides what of it is mended."""
    raw = json.dumps({"type": 1, "arguments": [{"text": "a\ud83c"}]}).encode()
    record = parse_damaged(raw, Message, lambda argument: str(argument["text"]))
    assert record == Record(1, None, ["a\ud83c"])
    assert parse_messages({"messages": [{"text": 7}, 7]}, Message) == [Message(text=7)]
