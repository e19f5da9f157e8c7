"""Intact and damaged records, read by both dialects."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

import chat.protocol.m365.records
import chat.protocol.sydney.records
from chat.protocol.chathub.records import HubMessage, HubRecord, Item, parse_damaged, parse_messages


class Records(NamedTuple):
    """What both dialects have under names of their own."""

    parse_record: Any
    update: Any
    message: Any


M365 = Records(
    chat.protocol.m365.records.parse_record,
    chat.protocol.m365.records.M365Update,
    chat.protocol.m365.records.M365Message,
)
SYDNEY = Records(
    chat.protocol.sydney.records.parse_record,
    chat.protocol.sydney.records.SydneyUpdate,
    chat.protocol.sydney.records.SydneyMessage,
)


@pytest.fixture(params=[M365, SYDNEY], ids=["m365", "sydney"])
def records(request: pytest.FixtureRequest) -> Any:
    """The records of either dialect."""
    return request.param


def test_an_intact_record(records: Records) -> None:
    """The needed keys are read and all others skipped."""
    raw = (
        b'{"type":1,"target":"update","x":[{"y":1}],"arguments":[{"messages":[{"text":"4","messageId":"b1","z":{}}]}]}'
    )
    record = records.parse_record(raw)
    assert (record.type, record.target, record.item) == (1, "update", None)
    assert record.arguments == [records.update([records.message(text="4", message_id="b1")])]


@pytest.mark.parametrize(
    "raw", [b"", b"garbage", b"[1]", b"7", b"{", b'{"type":', b"null", b'"x"', b"[" * 100_000, b"\xff\xfe"]
)
def test_anything_but_an_object_is_no_record(records: Records, raw: bytes) -> None:
    """Garbage gives None and raises nothing."""
    assert records.parse_record(raw) is None


def test_lists_lose_elements_of_a_wrong_type(records: Records) -> None:
    """The other elements and the result stay."""
    record = records.parse_record(
        b'{"type":2,"arguments":7,"item":{"messages":[1,{"text":"4"},null],"result":{"value":"Success"}}}'
    )
    assert record.item == Item([records.message(text="4")], None, {"value": "Success"})
    assert record.arguments == []
    updates = records.parse_record(b'{"type":1,"arguments":[3,{"messages":{"odd":1},"throttling":{}}],"item":[]}')
    assert (updates.arguments, updates.item) == ([records.update([], throttling={})], None)
    odd = records.parse_record(b'{"type":2,"item":{"messages":"odd","result":{"value":"Success"}},"error":"e"}')
    assert (odd.item, odd.error) == (Item([], None, {"value": "Success"}), "e")


def test_damaged_characters_are_replaced(records: Records) -> None:
    """Invalid bytes and lone surrogates become U+FFFD; a half at the end is removed."""
    record = records.parse_record(
        b'{"type":7,"error":"a\xff\\ud83cb","target":["\\udf15",null],"arguments":[{"messages":[{"text":"x\\ud83c"}]}]}'
    )
    assert (record.error, record.target) == ("a\ufffd\ufffdb", ["\ufffd", None])
    assert record.arguments == [records.update([records.message(text="x")])]


def test_an_argument_is_not_cleaned() -> None:
    """The dialect decides which of its texts are."""
    raw = json.dumps({"type": 1, "arguments": [{"text": "a\ud83c"}]}).encode()
    record = parse_damaged(raw, HubMessage, lambda argument: str(argument["text"]))
    assert record == HubRecord(1, None, ["a\ud83c"])
    assert parse_messages({"messages": [{"text": 7}, 7]}, HubMessage) == [HubMessage(text=7)]
