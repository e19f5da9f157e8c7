"""Turn Copilot's pieces of text into deltas and the final answer.

A piece is appended, not repeated. A part may be replaced later, but text that was sent cannot be recalled.
Source: docs/wire/copilot.md, section 4.2.
"""

from __future__ import annotations

from chat.protocol.answer_text import AnswerText
from chat.protocol.citation_marks import MarkStripper, strip_marks
from chat.protocol.surrogates import SurrogateJoiner


class _Part:
    """One part of the answer. `sent` and `pieces` are the same list until the part is replaced."""

    __slots__ = ("pieces", "sent")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.sent = self.pieces


class CopilotAnswerText(AnswerText):
    """The text of one answer, collected from its parts."""

    __slots__ = ("_joiner", "_parts", "_stripper")

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[str, _Part] = {}
        self._joiner = SurrogateJoiner()
        self._stripper = MarkStripper()

    @property
    def final(self) -> str:
        """The latest version of the text; the streamed text if that is blank."""
        text = strip_marks("".join(piece for part in self._parts.values() for piece in part.pieces))
        return text if text.strip() else self.streamed

    def append(self, part_id: str, text: str) -> str:
        """Add a piece to a part and return the delta to send, or ""."""
        text = self._joiner.join(text)
        part = self._part(part_id)
        part.pieces.append(text)
        # After a rewrite the two differ, and each gets the piece.
        if part.sent is not part.pieces:
            part.sent.append(text)
        return self._emit(text)

    def replace(self, part_id: str, text: str) -> str:
        """Replace a part's text. Return the new tail if the text extends what was sent of the part, else "".

        Pieces that are appended later are sent either way.
        """
        self._joiner.drop()
        text = self._joiner.join(text)
        part = self._part(part_id)
        sent = "".join(part.sent)
        part.pieces = [text]
        # Clients that append a rewrite show text twice (section 4.2).
        if not text.startswith(sent):
            self._stripper = MarkStripper()  # it may have the beginning of a mark that was replaced
            return ""
        part.sent = part.pieces
        return self._emit(text[len(sent) :])

    def replace_all(self, text: str) -> str:
        """As `replace`, for a text without a part: it replaces all parts so far, and later parts follow it."""
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
