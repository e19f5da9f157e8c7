"""Remove citation marks in private-use characters, which two of the back ends leave in their texts.

A mark is U+E200 `cite` U+E202 `turn0search1` U+E201, and a piece of a text may end anywhere inside one.
Source: docs/wire/m365.md, section 5.4; docs/wire/copilot.md, section 4.2.
"""

from __future__ import annotations

import re

# Uncertain: U+E200 opens, U+E202 separates and U+E201 closes in every mark that was seen; their neighbours are assumed
# to be used alike. Other private-use characters are the caller's own (icon fonts, Apple's logo) and stay.
_DELIMITER = "[\ue200-\ue20f]"
# A source of a turn, or lines of a file. Anything else behind a delimiter is text of the answer and must not be lost.
_NAME = r"(?:turn\d+[a-z]+\d+|L\d+(?:-L\d+)?)"
_PARTIAL_NAME = r"(?:t(?:u(?:r(?:n(?:\d+(?:[a-z]+\d*)?)?)?)?)?|L(?:\d+(?:-(?:L\d*)?)?)?)"
_WORD = "(?:file)?cite"
_PARTIAL_WORD = "(?:f(?:i(?:l(?:e(?:c(?:i(?:t)?)?)?)?)?)?|c(?:i(?:t)?)?)"
_MARK = re.compile(f"{_DELIMITER}+(?:{_WORD}(?:{_DELIMITER}+{_NAME})*{_DELIMITER}*)?")
# Matches the rest of a text if more text could still make it one mark.
_PARTIAL_MARK = re.compile(
    f"{_DELIMITER}+(?:{_PARTIAL_WORD}|{_WORD}(?:{_DELIMITER}+{_NAME})*(?:{_DELIMITER}+{_PARTIAL_NAME}?)?)?"
)
_ANY_DELIMITER = re.compile(_DELIMITER)


class MarkStripper:
    """Remove the marks from a text that arrives in pieces."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, piece: str) -> str:
        """Return the text that can be sent now. A possible beginning of a mark at its end waits for the next piece."""
        # Nearly every piece takes this way, and `isascii` is much cheaper than a search.
        if not self._pending and (piece.isascii() or not _ANY_DELIMITER.search(piece)):
            return piece
        text, self._pending = self._pending + piece, ""
        clean: list[str] = []
        at = 0
        while (first := _ANY_DELIMITER.search(text, at)) is not None:
            clean.append(text[at : first.start()])
            if _PARTIAL_MARK.fullmatch(text, first.start()):
                self._pending = text[first.start() :]
                return "".join(clean)
            mark = _MARK.match(text, first.start())
            assert mark is not None  # a single delimiter is enough for a match
            at = mark.end()
        return "".join(clean) + text[at:]


def strip_marks(text: str) -> str:
    """Return a complete text without its marks, also without one that is incomplete at its end."""
    return MarkStripper().feed(text)
