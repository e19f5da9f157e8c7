"""Bing's records as values: the keys that are needed, from text that may be damaged.

The quick way reads a record straight into the few fields below and skips the rest (cards repeat the whole text).
Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol import chathub
from chat.protocol.mending import mend


class Message(chathub.Message, rename="camel", gc=False):
    """One of Bing's messages."""

    hidden_text: Any = None
    invocation: Any = None
    grounding_info: Any = None
    source_attributions: Any = None


class Update(msgspec.Struct, rename="camel", gc=False):
    """One argument of an update. The first of a turn often has no messages."""

    messages: list[Message] | None = None
    throttling: Any = None


Item = chathub.Item[Message]
Record = chathub.Record[Update, Message]
_decode = msgspec.json.Decoder(Record).decode


def parse_record(raw: bytes) -> Record | None:
    """One record; None when it is no JSON object.

    Shape: lists lose their elements of a wrong type, texts their broken characters.
    """
    try:
        return _decode(raw)
    except chathub.UNREADABLE:
        return chathub.parse_damaged(raw, Message, _parse_update)


def _parse_update(argument: dict[str, Any]) -> Update:
    mended = mend(argument)
    return Update(chathub.parse_messages(mended, Message), mended.get("throttling"))
