"""What came over a socket, by kind and in order: for whoever compares it with docs/wire. No answer depends on it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from chat.protocol.mending import load_object
from chat.protocol.signalr import INVOCATION

_SEPARATOR = b"\x1e"


class Outline:
    """Counts what a back end sends: records, which frames cut anywhere, or events, each of which is a frame.

    Shape: `str(outline)` is `1 handshake, 2 type 1 update, 2 message Progress, 1 type 2`, in the order of their first.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._rest = b""

    def add(self, frame: str | bytes) -> None:
        """Count what this frame completes."""
        content = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        *records, rest = (self._rest + content).split(_SEPARATOR)
        if _SEPARATOR not in content and rest.endswith(b"}") and load_object(rest) is not None:
            records, rest = [rest], b""
        self._rest = rest
        for record in filter(None, records):
            self._counts.update(_name(load_object(record)))

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self._counts.items()) or "nothing"


def _name(record: dict[str, Any] | None) -> list[str]:
    """A record's own kind, and those of the messages in it."""
    if record is None:
        return ["unreadable"]
    if "event" in record:
        return [f"event {record['event']}"]
    if "type" not in record:
        return ["handshake"]
    kind = f"type {record['type']}"
    arguments = record.get("arguments")
    holders = [record.get("item"), *(arguments if isinstance(arguments, list) else [])]
    if record["type"] == INVOCATION:
        kind = f"{kind} {record.get('target')}"
    return [kind, *(name for holder in holders for name in _message_names(holder))]


def _message_names(holder: Any) -> list[str]:
    messages = holder.get("messages") if isinstance(holder, dict) else None
    found = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    return [f"message {message.get('messageType') or 'of no type'}" for message in found]
