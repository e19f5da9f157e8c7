"""Citation marks in private-use characters, which both Copilots leave in their texts.

Shape: U+E200 `cite` U+E202 `turn0search1` U+E201.

A text that comes in pieces may have a mark cut anywhere; what could be one waits until it is clear.
Source: docs/wire/m365.md, section 5.4; docs/wire/copilot.md, section 4.2.
"""

from __future__ import annotations

import re

# Uncertain: U+E200 opens, U+E202 parts and U+E201 closes in all that was seen; their neighbours are taken for more of
# the kind. Other private-use characters are the caller's own (icon fonts, Apple's logo) and stay.
_DELIMITER = "[\ue200-\ue20f]"
# What a mark names: a source of a turn, or lines of a file. Nothing else may be swallowed behind a delimiter.
_NAME = r"(?:turn\d+[a-z]+\d+|L\d+(?:-L\d+)?)"
_NAME_BEGUN = r"(?:t(?:u(?:r(?:n(?:\d+(?:[a-z]+\d*)?)?)?)?)?|L(?:\d+(?:-(?:L\d*)?)?)?)"
_WORD = "(?:file)?cite"
_WORD_BEGUN = "(?:f(?:i(?:l(?:e(?:c(?:i(?:t)?)?)?)?)?)?|c(?:i(?:t)?)?)"
_MARK = re.compile(f"{_DELIMITER}+(?:{_WORD}(?:{_DELIMITER}+{_NAME})*{_DELIMITER}*)?")
_MARK_BEGUN = re.compile(
    f"{_DELIMITER}+(?:{_WORD_BEGUN}|{_WORD}(?:{_DELIMITER}+{_NAME})*(?:{_DELIMITER}+{_NAME_BEGUN}?)?)?"
)
_FIRST = re.compile(_DELIMITER)


class Stripper:
    """Takes the marks out of a text that comes in pieces."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What of the text so far is certain and not out yet, without marks."""
        if not self._held and (piece.isascii() or not _FIRST.search(piece)):
            return piece
        text, self._held = self._held + piece, ""
        clean: list[str] = []
        at = 0
        while (first := _FIRST.search(text, at)) is not None:
            clean.append(text[at : first.start()])
            if _MARK_BEGUN.fullmatch(text, first.start()):
                self._held = text[first.start() :]
                return "".join(clean)
            mark = _MARK.match(text, first.start())
            assert mark is not None  # it begins with a delimiter, and that is enough
            at = mark.end()
        return "".join(clean) + text[at:]


def strip_marks(text: str) -> str:
    """A whole text without marks, and without one that is cut off at its end."""
    return Stripper().feed(text)
