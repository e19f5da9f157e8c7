"""Recognise the sentence that comes instead of an answer if an account asks too often, or too much in a day.

It is plain text, like any answer. Source: docs/wire/m365.md, section 5.6.
"""

from __future__ import annotations

# Uncertain: three clients search for these, in lower case. They also search for "too many requests" and "please
# retry later", which real short answers contain, so those are left out.
PHRASES = (
    "temporarily unable to respond to this many requests",
    "temporarily unable to respond to this volume of requests",
    "无法响应这么多请求",
    # "You've reached your daily limit. Get more usage now or check back at 7:00 PM."
    "reached your daily limit",
)
# A longer text is an answer, whatever it quotes.
LONGEST_NOTICE_CHARACTERS = 300
# Text waits only if it ends in at least this much of a phrase's beginning.
_LEAST_OVERLAP = 5


class NoticeGate:
    """Pass an answer's text on, but not the sentence. Text that could become the sentence waits."""

    __slots__ = ("_is_open", "_pending", "_seen")

    def __init__(self) -> None:
        self._seen = ""
        self._pending = ""
        self._is_open = False

    @property
    def has_notice(self) -> bool:
        """True if the text so far is short and has one of the phrases."""
        return not self._is_open and _has_phrase(self._seen)

    def feed(self, piece: str) -> str:
        """Return the text that can be sent now."""
        if self._is_open:
            return piece
        self._seen += piece
        self._pending += piece
        # Once open, nothing waits any more and nothing is searched.
        self._is_open = len(self._seen) > LONGEST_NOTICE_CHARACTERS
        if not self._is_open and _has_phrase(self._seen):
            return ""
        end = len(self._pending)
        if not self._is_open:
            end -= min(_overlap(self._seen), end)
        free, self._pending = self._pending[:end], self._pending[end:]
        return free

    def flush(self) -> str:
        """Return the text that still waits, at the end of the answer."""
        rest, self._pending = self._pending, ""
        return rest


def _has_phrase(text: str) -> bool:
    folded = text.lower()
    return any(phrase in folded for phrase in PHRASES)


def _overlap(text: str) -> int:
    """Return the number of characters at the text's end that could begin a phrase."""
    folded = text.lower()
    return max(_overlap_with(phrase, folded) for phrase in PHRASES)


def _overlap_with(phrase: str, folded: str) -> int:
    beginning = phrase[:_LEAST_OVERLAP]
    # An overlap is shorter than the phrase, so the rest of the text is not searched.
    at = folded.find(beginning, max(0, len(folded) - len(phrase) + 1))
    while at >= 0 and not phrase.startswith(folded[at:]):
        at = folded.find(beginning, at + 1)
    return len(folded) - at if at >= 0 else 0
