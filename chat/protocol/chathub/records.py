"""A ChatHub's records as values with only the keys that are needed.

Each dialect decodes straight into its few fields. If that fails, the tolerant parser here reads the record: it accepts
wrong types and lone surrogates.
Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from chat.protocol.surrogates import clean_json, load_object

# What the strict decoders raise for a record that they cannot read.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class HubMessage(msgspec.Struct, rename="camel", gc=False):
    """One message of a record. Any field may be absent or have the wrong type, so each is checked where it is used."""

    text: Any = None
    author: Any = None
    message_id: Any = None
    message_type: Any = None
    content_origin: Any = None
    suggested_responses: Any = None


MessageT = TypeVar("MessageT", bound=HubMessage)
UpdateT = TypeVar("UpdateT")


class Item(msgspec.Struct, Generic[MessageT], rename="camel", gc=False):
    """The content of a type 2, which ends a turn. After a failure it may have neither messages nor throttling.

    On Microsoft 365's StreamHub each part of an answer is one, with the fields of an update; the last has the result.
    """

    messages: list[MessageT] | None = None
    throttling: Any = None
    result: Any = None
    write_at_cursor: Any = None
    references: Any = None


class HubRecord(msgspec.Struct, Generic[UpdateT, MessageT], rename="camel", gc=False):
    """Any record. `type` is None in the response to the handshake."""

    type: Any = None
    target: Any = None
    arguments: list[UpdateT] | None = None  # of a type 1
    item: Item[MessageT] | None = None  # of a type 2
    error: Any = None  # of the handshake's response, a type 3 or a type 7


def parse_damaged(
    raw: bytes, message: type[MessageT], parse_update: Callable[[dict[str, Any]], UpdateT]
) -> HubRecord[UpdateT, MessageT] | None:
    """Read one record with the tolerant parser.

    Args:
        raw: The record without its separator.
        message: The dialect's class of messages.
        parse_update: Reads one argument of an update. It gets the argument uncleaned, since a surrogate pair that is
            cut at its end may continue in the next one.

    Returns:
        The record without list elements of a wrong type, its texts cleaned. None if it is no JSON object.
    """
    record = load_object(raw)
    if record is None:
        return None
    return HubRecord(
        type=record.get("type"),
        target=clean_json(record.get("target")),
        arguments=[parse_update(argument) for argument in _dicts(record.get("arguments"))],
        item=_parse_item(record.get("item"), message),
        error=clean_json(record.get("error")),
    )


def parse_messages(container: dict[str, Any], message: type[MessageT]) -> list[MessageT]:
    """Return the messages of a cleaned update or item."""
    return [msgspec.convert(element, message) for element in _dicts(container.get("messages"))]


def _parse_item(value: Any, message: type[MessageT]) -> Item[MessageT] | None:
    if not isinstance(value, dict):
        return None
    cleaned = clean_json(value)
    return Item(
        parse_messages(cleaned, message),
        cleaned.get("throttling"),
        cleaned.get("result"),
        value.get("writeAtCursor"),  # uncleaned, as in an update
        cleaned.get("references"),
    )


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
