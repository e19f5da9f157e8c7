"""Microsoft 365's records as values with only the keys that are needed.

Source: docs/wire/m365.md, section 5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol import chathub
from chat.protocol.surrogates import clean_json, contains_nul


class M365Message(chathub.HubMessage, rename="camel", gc=False):
    """One of the service's messages."""

    search_queries: Any = None
    references: Any = None
    content_generation_progress_list: Any = None


class M365Update(msgspec.Struct, rename="camel", gc=False):
    """One argument of an update."""

    messages: list[M365Message] | None = None
    write_at_cursor: Any = None
    references: Any = None
    throttling: Any = None
    metering_information: Any = None


Item = chathub.Item[M365Message]
Record = chathub.HubRecord[M365Update, M365Message]
_decode = msgspec.json.Decoder(Record).decode


def parse_record(raw: bytes) -> Record | None:
    """Read one record. Return None if it is no JSON object.

    Lists lose their elements of a wrong type. `write_at_cursor` keeps lone surrogates at its ends, since a piece of an
    answer may be cut there. Other texts are cleaned.
    """
    try:
        if not contains_nul(raw):
            return _decode(raw)
    except chathub.UNREADABLE:
        pass  # the tolerant parser below reads what it can
    return chathub.parse_damaged(raw, M365Message, _parse_update)


def _parse_update(argument: dict[str, Any]) -> M365Update:
    cleaned = clean_json(argument)
    messages = chathub.parse_messages(cleaned, M365Message)
    return M365Update(
        messages,
        argument.get("writeAtCursor"),
        cleaned.get("references"),
        cleaned.get("throttling"),
        cleaned.get("meteringInformation"),
    )
