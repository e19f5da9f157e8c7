"""Text that JSON lets through and nothing else takes: halves of surrogate pairs.

A server that cuts its answers by UTF-16 units sends half a character at the end of one piece and the rest at the
beginning of the next. Source: docs/wire/chathub.md, section 5.4.
"""

from __future__ import annotations

import json
from typing import Any

_HIGH_SURROGATES = ("\ud800", "\udbff")


def load_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object from bytes that may be damaged, half characters left as they are; None when it is none."""
    try:
        record = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def mend(value: Any) -> Any:
    """A JSON value whose texts have no half characters: one at the end is taken off, others become U+FFFD."""
    if isinstance(value, str):
        return _join(value[: _whole(value)])
    if isinstance(value, list):
        return [mend(element) for element in value]
    return {mend(key): mend(element) for key, element in value.items()} if isinstance(value, dict) else value


class Halves:
    """Joins characters that were cut between one piece of a text and the next."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def join(self, piece: str) -> str:
        """The piece with the half that waited before it, and without one at its end, which waits in turn."""
        text = self._half + piece
        end = _whole(text)
        self._half = text[end:]
        return _join(text[:end])

    def drop(self) -> None:
        """Forget the half that waits: what comes next has the whole character."""
        self._half = ""


def _whole(text: str) -> int:
    """How much of a text is there without half a character at its end."""
    has_half = bool(text) and _HIGH_SURROGATES[0] <= text[-1] <= _HIGH_SURROGATES[1]
    return len(text) - has_half


def _join(text: str) -> str:
    # Most text has no surrogates, and then this is the cheaper half.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
