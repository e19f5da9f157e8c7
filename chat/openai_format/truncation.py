"""Where an answer is cut: stop sequences and token limits, which no back end knows, so the text is cut here.

Units: Bing counts no tokens; a token is taken for four bytes of UTF-8, which is near enough for most languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TOKEN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """What ends an answer early: the first of some texts, or a number of tokens; nothing by default."""

    stops: tuple[str, ...] = ()
    max_tokens: int | None = None


class Cutter:
    """Takes an answer in pieces and lets through what stands before the cut.

    The end of a piece that may be the beginning of a stop text is held until it is known.
    """

    __slots__ = ("_held", "_room_bytes", "_stops", "reason")

    def __init__(self, cut: Cut) -> None:
        self._stops = cut.stops
        self._room_bytes = None if cut.max_tokens is None else cut.max_tokens * TOKEN_BYTES
        self._held = ""
        self.reason: Literal["stop", "length"] | None = None

    def feed(self, text: str) -> str:
        """The part of the answer that may be shown now; after the cut always ""."""
        if self.reason:
            return ""
        return self._measure(self._before_stop(self._held + text) if self._stops else text)

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        rest, self._held = self._held, ""
        return self._measure(rest) if not self.reason else ""

    def _before_stop(self, text: str) -> str:
        # The stop text that is complete first ends the answer, as it does when the answer comes letter by letter.
        found = [(place + len(stop), place) for stop in self._stops if (place := text.find(stop)) >= 0]
        if found:
            self.reason = "stop"
            self._held = ""
            return text[: min(found)[1]]
        held_count = max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - held_count :]
        return text[: len(text) - held_count]

    def _measure(self, text: str) -> str:
        if self._room_bytes is None:
            return text
        content = text.encode()
        if len(content) > self._room_bytes:
            self.reason = "length"
            content = content[: self._room_bytes]
        self._room_bytes -= len(content)
        return content.decode("utf-8", "ignore")


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has; Bing does not say."""
    return -(-len(text.encode()) // TOKEN_BYTES)


def _overlap(text: str, stop: str) -> int:
    """How many of the last characters of a text are the first ones of a stop text."""
    return next((count for count in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:count])), 0)
