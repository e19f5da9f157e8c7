"""Microsoft 365's records as values: the keys that are needed, from text that may be damaged.

Source: docs/wire/m365.md, section 5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol import chathub
from chat.protocol.mending import mend


class Message(chathub.Message, rename="camel", gc=False):
    """One of the service's messages."""

    search_queries: Any = None
    references: Any = None
    content_generation_progress_list: Any = None


class Update(msgspec.Struct, rename="camel", gc=False):
    """One argument of an update."""

    messages: list[Message] | None = None
    write_at_cursor: Any = None
    references: Any = None
    throttling: Any = None


Item = chathub.Item[Message]
Record = chathub.Record[Update, Message]
_decode = msgspec.json.Decoder(Record).decode


def parse_record(raw: bytes) -> Record | None:
    """One record; None when it is no JSON object.

    Shape: lists lose their elements of a wrong type. `write_at_cursor` keeps half characters at its ends, since a
    piece of an answer may be cut there; other texts are whole.
    """
    try:
        return _decode(raw)
    except chathub.UNREADABLE:
        return chathub.parse_damaged(raw, Message, _parse_update)


def _parse_update(argument: dict[str, Any]) -> Update:
    mended = mend(argument)
    messages = chathub.parse_messages(mended, Message)
    return Update(messages, argument.get("writeAtCursor"), mended.get("references"), mended.get("throttling"))
