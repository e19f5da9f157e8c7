"""End an answer at a stop sequence or a token limit. No back end knows either, so the text is cut here.

Back ends count no tokens. One is estimated as four bytes of UTF-8, which is near enough for most languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TOKEN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Truncation:
    """What ends an answer early: the first of some stop sequences, or a number of tokens. Nothing by default."""

    stops: tuple[str, ...] = ()
    max_tokens: int | None = None


class Truncator:
    """Pass an answer on in pieces, up to the stop sequence or limit.

    The end of a piece that may begin a stop sequence waits for the next piece.

    Attributes:
        reason: The `finish_reason` once the answer was cut, else None.
    """

    __slots__ = ("_pending", "_room_bytes", "_stops", "reason")

    def __init__(self, truncation: Truncation) -> None:
        self._stops = truncation.stops
        self._room_bytes = None if truncation.max_tokens is None else truncation.max_tokens * TOKEN_BYTES
        self._pending = ""
        self.reason: Literal["stop", "length"] | None = None

    def feed(self, text: str) -> str:
        """Add a piece. Return the text that can be shown now; always "" after the cut."""
        if self.reason:
            return ""
        return self._limit(self._before_stop(self._pending + text) if self._stops else text)

    def flush(self) -> str:
        """Return the text that still waits, at the end of the answer."""
        rest, self._pending = self._pending, ""
        return self._limit(rest) if not self.reason else ""

    def _before_stop(self, text: str) -> str:
        # The stop sequence that ends first wins, so that the result is the same if the text arrives letter by letter.
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            self.reason = "stop"
            self._pending = ""
            return text[: min(found)[1]]
        end = len(text) - max(_overlap(text, stop) for stop in self._stops)
        self._pending = text[end:]
        return text[:end]

    def _limit(self, text: str) -> str:
        if self._room_bytes is None:
            return text
        content = text.encode()
        if len(content) > self._room_bytes:
            self.reason = "length"
            content = content[: self._room_bytes]
        self._room_bytes -= len(content)
        # The limit may be inside a character, of which nothing is shown.
        return content.decode("utf-8", "ignore")


def estimate_tokens(text: str) -> int:
    """Return the estimated number of tokens, rounded up."""
    return -(-len(text.encode()) // TOKEN_BYTES)


def _overlap(text: str, stop: str) -> int:
    """Return the number of characters at the text's end that begin the stop sequence."""
    # The longest overlap: a shorter one would send text that still may be a stop sequence.
    return next((count for count in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:count])), 0)
