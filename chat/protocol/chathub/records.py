"""A ChatHub's records as values: the keys that are needed, from text that may be damaged.

Each dialect has a quick way of its own, straight into its few fields. A record that the quick way refuses is read the
slow way, which stands here and bears wrong types and half characters.
Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from chat.protocol.mending import load_object, mend

# What the quick way raises for a record that it cannot read.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Message(msgspec.Struct, rename="camel", gc=False):
    """One message of a record; every field may be absent or of another type than it should be."""

    text: Any = None
    author: Any = None
    message_id: Any = None
    message_type: Any = None
    content_origin: Any = None
    suggested_responses: Any = None


MessageT = TypeVar("MessageT", bound=Message)
UpdateT = TypeVar("UpdateT")


class Item(msgspec.Struct, Generic[MessageT], rename="camel", gc=False):
    """The end of a turn. A failed one may have neither messages nor throttling."""

    messages: list[MessageT] | None = None
    throttling: Any = None
    result: Any = None


class Record(msgspec.Struct, Generic[UpdateT, MessageT], rename="camel", gc=False):
    """Any record; `type` is None in the answer to the handshake."""

    type: Any = None
    target: Any = None
    arguments: list[UpdateT] | None = None
    item: Item[MessageT] | None = None
    error: Any = None


def parse_damaged(
    raw: bytes, message: type[MessageT], parse_update: Callable[[dict[str, Any]], UpdateT]
) -> Record[UpdateT, MessageT] | None:
    """One record the slow way; None when it is no JSON object.

    Shape: lists lose their elements of a wrong type, texts their broken characters. `parse_update` gets an argument as
    it came, since what is broken at its end may go on in the next.
    """
    record = load_object(raw)
    if record is None:
        return None
    return Record(
        type=record.get("type"),
        target=mend(record.get("target")),
        arguments=[parse_update(argument) for argument in _dicts(record.get("arguments"))],
        item=_parse_item(mend(record.get("item")), message),
        error=mend(record.get("error")),
    )


def parse_messages(holder: dict[str, Any], message: type[MessageT]) -> list[MessageT]:
    """The messages of an update or an item that was mended."""
    return [msgspec.convert(element, message) for element in _dicts(holder.get("messages"))]


def _parse_item(value: Any, message: type[MessageT]) -> Item[MessageT] | None:
    if not isinstance(value, dict):
        return None
    return Item(parse_messages(value, message), value.get("throttling"), value.get("result"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
