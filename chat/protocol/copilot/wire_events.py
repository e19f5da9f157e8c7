"""Copilot's events as values with only the keys that are needed.

Source: docs/wire/copilot.md, section 4.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol.surrogates import clean_json, contains_nul, load_object


class WireEvent(msgspec.Struct, rename="camel", gc=False):
    """One event. Any field may be absent or have the wrong type, so each is checked where it is used."""

    event: Any = None
    message_id: Any = None
    part_id: Any = None
    text: Any = None
    title: Any = None
    url: Any = None
    prompt: Any = None
    suggestions: Any = None
    error_code: Any = None
    method: Any = None


_decode = msgspec.json.Decoder(WireEvent).decode


def parse_event(frame: str | bytes) -> WireEvent | None:
    """Read one frame, which is one event. Return None if it is no JSON object.

    `text` keeps lone surrogates at its ends, since a piece of an answer may be cut there. Other texts are cleaned.
    """
    try:
        if not contains_nul(frame):
            return _decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # the tolerant parser below reads what it can
    event = load_object(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame)
    return None if event is None else msgspec.convert(clean_json(event) | {"text": event.get("text")}, WireEvent)
