"""Bing's records as values with only the keys that are needed.

The decoder skips all other keys, among them cards, which repeat the whole text.
Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol import chathub
from chat.protocol.surrogates import clean_json, contains_nul


class SydneyMessage(chathub.HubMessage, rename="camel", gc=False):
    """One of Bing's messages."""

    hidden_text: Any = None
    invocation: Any = None
    grounding_info: Any = None
    source_attributions: Any = None


class SydneyUpdate(msgspec.Struct, rename="camel", gc=False):
    """One argument of an update. The first of a turn often has no messages."""

    messages: list[SydneyMessage] | None = None
    throttling: Any = None


Item = chathub.Item[SydneyMessage]
Record = chathub.HubRecord[SydneyUpdate, SydneyMessage]
_decode = msgspec.json.Decoder(Record).decode


def parse_record(raw: bytes) -> Record | None:
    """Read one record. Return None if it is no JSON object.

    Lists lose their elements of a wrong type, and texts are cleaned.
    """
    try:
        if not contains_nul(raw):
            return _decode(raw)
    except chathub.UNREADABLE:
        pass  # the tolerant parser below reads what it can
    return chathub.parse_damaged(raw, SydneyMessage, _parse_update)


def _parse_update(argument: dict[str, Any]) -> SydneyUpdate:
    cleaned = clean_json(argument)
    return SydneyUpdate(chathub.parse_messages(cleaned, SydneyMessage), cleaned.get("throttling"))
