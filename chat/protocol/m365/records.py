"""Microsoft 365's records as values: the keys that are needed, from text that may be damaged.

Source: docs/wire/m365.md, section 5.
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
    content_type: Any = None
    content_origin: Any = None
    search_queries: Any = None
    references: Any = None
    suggested_responses: Any = None
    content_generation_progress_list: Any = None


class Update(msgspec.Struct, rename="camel", gc=False):
    """One argument of an update."""

    messages: list[Message] | None = None
    write_at_cursor: Any = None
    references: Any = None
    throttling: Any = None


class Item(msgspec.Struct, rename="camel", gc=False):
    """The end of a turn. A failed one may have neither messages nor throttling."""

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

    Shape: lists lose their elements of a wrong type. `write_at_cursor` keeps half characters at its ends, since a
    piece of an answer may be cut there; other texts are whole.
    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _parse_damaged(raw)


def _parse_damaged(raw: bytes) -> Record | None:
    record = load_object(raw)
    if record is None:
        return None
    item = record.get("item")
    return Record(
        type=record.get("type"),
        target=mend(record.get("target")),
        arguments=[_update(argument) for argument in _dicts(record.get("arguments"))],
        item=_item(mend(item)) if isinstance(item, dict) else None,
        error=mend(record.get("error")),
    )


def _update(argument: dict[str, Any]) -> Update:
    mended = mend(argument)
    return Update(_messages(mended), argument.get("writeAtCursor"), mended.get("references"), mended.get("throttling"))


def _item(item: dict[str, Any]) -> Item:
    return Item(_messages(item), item.get("throttling"), item.get("result"))


def _messages(holder: dict[str, Any]) -> list[Message]:
    return [msgspec.convert(message, Message) for message in _dicts(holder.get("messages"))]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
