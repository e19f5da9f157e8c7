"""The sentence that comes in an answer's place when an account asks too often.

It comes as plain text, like any answer. Source: docs/wire/m365.md, section 5.6.
"""

from __future__ import annotations

# Uncertain: as three clients know them, folded. They also look for "too many requests" and "try again later", which
# honest short answers contain; those are left out.
PHRASES = (
    "temporarily unable to respond to this many requests",
    "temporarily unable to respond to this volume of requests",
    "无法响应这么多请求",
)
# Longer texts are answers, whatever they quote.
LONGEST_NOTICE_CHARACTERS = 300
# So much of a phrase's beginning at the end of the text, and it waits for the rest.
_LEAST_OVERLAP = 5


class NoticeGate:
    """Lets an answer's text through, but not the sentence: what could be it waits until it is clear."""

    __slots__ = ("_held", "_is_open", "_seen")

    def __init__(self) -> None:
        self._seen = ""
        self._held = ""
        self._is_open = False

    @property
    def has_notice(self) -> bool:
        """Whether all of the text so far is a short one with such a phrase."""
        return not self._is_open and _has_phrase(self._seen)

    def feed(self, piece: str) -> str:
        """What may go out of the text so far and is not out yet."""
        if self._is_open:
            return piece
        self._seen += piece
        self._held += piece
        self._is_open = len(self._seen) > LONGEST_NOTICE_CHARACTERS
        if not self._is_open and _has_phrase(self._seen):
            return ""
        kept = 0 if self._is_open else min(_overlap(self._seen), len(self._held))
        free, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return free

    def flush(self) -> str:
        """What waited for a rest that did not come."""
        held, self._held = self._held, ""
        return held


def _has_phrase(text: str) -> bool:
    folded = text.lower()
    return any(phrase in folded for phrase in PHRASES)


def _overlap(text: str) -> int:
    """How many characters at a text's end could be a phrase's beginning."""
    folded = text.lower()
    return max(_overlap_with(phrase, folded) for phrase in PHRASES)


def _overlap_with(phrase: str, folded: str) -> int:
    beginning = phrase[:_LEAST_OVERLAP]
    at = folded.find(beginning, max(0, len(folded) - len(phrase) + 1))
    while at >= 0 and not phrase.startswith(folded[at:]):
        at = folded.find(beginning, at + 1)
    return len(folded) - at if at >= 0 else 0
