"""Copilot's events as values: the keys that are needed, from text that may be damaged.

Source: docs/wire/copilot.md, section 4.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.protocol.mending import load_object, mend


class WireEvent(msgspec.Struct, rename="camel", gc=False):
    """One event; every field may be absent or of another type than it should be."""

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
    """One frame, which is one event; None when it is no JSON object.

    Shape: `text` keeps half characters at its ends, since a piece of an answer may be cut there; other texts are whole.
    """
    try:
        return _decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raw = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    event = load_object(raw)
    return None if event is None else msgspec.convert(mend(event) | {"text": event.get("text")}, WireEvent)
