"""Count what arrives over a socket by kind and in order, for a probe's report.

An operator compares the report with the pages in docs/wire. No answer depends on it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from chat.protocol.signalr import INVOCATION
from chat.protocol.surrogates import load_object

_SEPARATOR = b"\x1e"


class FrameLog:
    """Count SignalR records, which may span frames, or events, one in each frame (docs/wire/copilot.md, section 3).

    `str()` lists the kinds in the order of their first appearance:
    `1 handshake, 2 type 1 update, 2 message Progress, 1 type 2`.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._rest = b""

    def add(self, frame: str | bytes) -> None:
        """Count the records that this frame completes."""
        content = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        *records, rest = (self._rest + content).split(_SEPARATOR)
        # Such frames have no separator: a complete object without one is an event.
        if _SEPARATOR not in content and rest.endswith(b"}") and load_object(rest) is not None:
            records, rest = [rest], b""
        self._rest = rest  # the beginning of a record that continues in the next frame
        for record in filter(None, records):
            self._counts.update(_kinds(load_object(record)))

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self._counts.items()) or "nothing"


def _kinds(record: dict[str, Any] | None) -> list[str]:
    """Return the record's own kind and those of the messages in it."""
    if record is None:
        return ["unreadable"]
    if "event" in record:
        return [f"event {record['event']}"]
    if "type" not in record:
        return ["handshake"]
    kind = f"type {record['type']}"
    arguments = record.get("arguments")
    containers = [record.get("item"), *(arguments if isinstance(arguments, list) else [])]
    if record["type"] == INVOCATION:
        kind = f"{kind} {record.get('target')}"
    return [kind, *(kind for container in containers for kind in _message_kinds(container))]


def _message_kinds(container: Any) -> list[str]:
    messages = container.get("messages") if isinstance(container, dict) else None
    found = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    return [f"message {message.get('messageType') or 'of no type'}" for message in found]
