"""Bing's records as values: the keys that are needed, from text that may be damaged.

The quick way reads a record straight into the few fields below and skips the rest (cards repeat the whole text). A
record that it refuses is read the slow way, which bears wrong types and half characters.
Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol.mending import load_object, mend


class Message(msgspec.Struct, rename="camel", gc=False):
    """One message of a record; every field may be absent or of another type than it should be."""

    text: Any = None
    author: Any = None
    message_id: Any = None
    message_type: Any = None
    content_origin: Any = None
    hidden_text: Any = None
    invocation: Any = None
    grounding_info: Any = None
    source_attributions: Any = None
    suggested_responses: Any = None


class Update(msgspec.Struct, rename="camel", gc=False):
    """One argument of an update. The first of a turn often has no messages."""

    messages: list[Message] | None = None
    throttling: Any = None


class Item(msgspec.Struct, rename="camel", gc=False):
    """The end of a turn. A failed one has neither messages nor throttling."""

    messages: list[Message] | None = None
    throttling: Any = None
    result: Any = None


class Record(msgspec.Struct, rename="camel", gc=False):
    """Any record; `type` is None in the answer to the handshake."""

    type: Any = None
    target: Any = None
    arguments: list[Update] | None = None
    item: Item | None = None
    error: Any = None


_decode = msgspec.json.Decoder(Record).decode


def parse_record(raw: bytes) -> Record | None:
    """One record; None when it is no JSON object.

    Shape: lists lose their elements of a wrong type, texts their broken characters.
    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _parse_damaged(raw)


def _parse_damaged(raw: bytes) -> Record | None:
    damaged = load_object(raw)
    if damaged is None:
        return None
    record = mend(damaged)
    arguments, item = record.get("arguments"), record.get("item")
    return Record(
        type=record.get("type"),
        target=record.get("target"),
        arguments=[_update(element) for element in _dicts(arguments)],
        item=Item(_messages(item), item.get("throttling"), item.get("result")) if isinstance(item, dict) else None,
        error=record.get("error"),
    )


def _update(element: dict[str, Any]) -> Update:
    return Update(_messages(element), element.get("throttling"))


def _messages(holder: dict[str, Any]) -> list[Message]:
    return [msgspec.convert(message, Message) for message in _dicts(holder.get("messages"))]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
