"""Repair text that JSON allows and encoders or databases refuse: lone surrogates and U+0000.

A server that cuts its answers by UTF-16 code units sends the first half of a surrogate pair at the end of one piece and
the second half at the start of the next. Source: docs/wire/chathub.md, section 5.4.
"""

from __future__ import annotations

import json
from typing import Any

from bingproject.database.surrogates import repair_surrogates

_NUL = "\0"  # no database column takes it
_ESCAPED_NUL = "\\u0000"
_ESCAPED_NUL_BYTES = _ESCAPED_NUL.encode()
_FIRST_HIGH_SURROGATE, _LAST_HIGH_SURROGATE = "\ud800", "\udbff"


def load_object(raw: bytes) -> dict[str, Any] | None:
    """Decode a JSON object from bytes that may be damaged. Return None for anything else.

    Lone surrogates stay in its texts; bytes that are not UTF-8 become U+FFFD.
    """
    # Not msgspec, which refuses lone surrogates.
    try:
        record = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def contains_nul(raw: str | bytes) -> bool:
    """True if a JSON text holds U+0000.

    msgspec decodes it without complaint, so such a record must be read by the tolerant parser, which removes it.
    """
    return _ESCAPED_NUL_BYTES in raw if isinstance(raw, bytes) else _ESCAPED_NUL in raw


def clean_json(value: Any) -> Any:
    """Return a JSON value whose texts can be encoded and stored.

    A high surrogate at the end of a text is removed: a cumulative text has the whole character next time. Other lone
    surrogates become U+FFFD. U+0000 is removed.
    """
    if isinstance(value, str):
        text = value.replace(_NUL, "")
        return repair_surrogates(text[: _complete_length(text)])
    if isinstance(value, list):
        return [clean_json(element) for element in value]
    if isinstance(value, dict):
        return {clean_json(key): clean_json(element) for key, element in value.items()}
    return value


class SurrogateJoiner:
    """Join surrogate pairs that were cut between two pieces of a text."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = ""

    def join(self, piece: str) -> str:
        """Return the pending half and `piece`. A half at the end of `piece` becomes the pending one."""
        text = self._pending + piece.replace(_NUL, "")
        end = _complete_length(text)
        self._pending = text[end:]
        return repair_surrogates(text[:end])

    def drop(self) -> None:
        """Discard the pending half: the text that follows has the whole character."""
        self._pending = ""


def _complete_length(text: str) -> int:
    """Return the length of a text without a high surrogate at its end."""
    # Only a high surrogate can be completed by the next piece.
    has_half = bool(text) and _FIRST_HIGH_SURROGATE <= text[-1] <= _LAST_HIGH_SURROGATE
    return len(text) - has_half
