"""Bing's records as values: the keys that are needed, from text that may be damaged.

The quick way reads a record straight into the few fields below and skips the rest (cards repeat the whole text). A
record that it refuses is read the slow way, which bears wrong types and half characters.
Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

_HIGH_SURROGATES = ("\ud800", "\udbff")


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
    try:
        record = json.loads(raw.decode("utf-8", "replace"))
        if not isinstance(record, dict):
            return None
        record = _mend(record)
    except (ValueError, RecursionError):
        return None
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


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return _mend_text(value)
    if isinstance(value, list):
        return [_mend(element) for element in value]
    return {_mend_text(key): _mend(element) for key, element in value.items()} if isinstance(value, dict) else value


def _mend_text(text: str) -> str:
    """Text without half characters.

    A growing text is sometimes cut inside a pair, and the next record has it whole: such a half at the end is taken
    off. One anywhere else is shown as U+FFFD.
    """
    if text and _HIGH_SURROGATES[0] <= text[-1] <= _HIGH_SURROGATES[1]:
        text = text[:-1]
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
