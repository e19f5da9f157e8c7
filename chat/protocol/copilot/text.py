"""From Copilot's pieces of text to deltas, and to the answer as it finally stands.

Pieces are appended, not repeated; a part may be replaced afterwards, and what a caller has seen cannot be recalled.
Source: docs/wire/copilot.md, section 4.2.
"""

from __future__ import annotations

from chat.protocol.answers import Answer
from chat.protocol.marks import Stripper, strip_marks
from chat.protocol.mending import Halves


class _Part:
    """One part of the answer: what of it is out, and how it stands; one list while both are the same."""

    __slots__ = ("pieces", "sent")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.sent = self.pieces


class AnswerText(Answer):
    """The answer of one turn, gathered over its parts."""

    __slots__ = ("_halves", "_parts", "_stripper")

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[str, _Part] = {}
        self._halves = Halves()
        self._stripper = Stripper()

    @property
    def final(self) -> str:
        """The answer as it last stood."""
        text = strip_marks("".join(piece for part in self._parts.values() for piece in part.pieces))
        return text if text.strip() else self.streamed

    def append(self, part_id: str, text: str) -> str:
        """Take more of a part; what of it may go out now, "" when nothing may."""
        text = self._halves.join(text)
        part = self._part(part_id)
        part.pieces.append(text)
        if part.sent is not part.pieces:
            part.sent.append(text)
        return self._emit(text)

    def replace(self, part_id: str, text: str) -> str:
        """Take a part's whole text anew; the tail if it extends what is out of that part, else "".

        What is appended afterwards is new to the caller and goes out all the same.
        """
        self._halves.drop()
        text = self._halves.join(text)
        part = self._part(part_id)
        sent = "".join(part.sent)
        part.pieces = [text]
        if not text.startswith(sent):
            self._stripper = Stripper()  # the mark it may hold the beginning of is gone
            return ""
        part.sent = part.pieces
        return self._emit(text[len(sent) :])

    def replace_all(self, text: str) -> str:
        """As `replace`, for a text that names no part and so stands for all so far; later parts follow it."""
        whole = _Part()
        whole.sent = [piece for part in self._parts.values() for piece in part.sent]
        self._parts = {"": whole}
        return self.replace("", text)

    def _part(self, part_id: str) -> _Part:
        return self._parts.setdefault(part_id, _Part())

    def _emit(self, text: str) -> str:
        delta = self._stripper.feed(text)
        if delta:
            self._deltas.append(delta)
        return delta
