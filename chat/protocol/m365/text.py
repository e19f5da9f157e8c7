"""From Microsoft 365's two streams of one text to deltas, and to the answer as it finally stands.

Pieces are written at the end, and the whole text so far comes in between; they overlap.
Source: docs/wire/m365.md, section 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from chat.protocol.answers import Answer
from chat.protocol.m365.notice import NoticeGate
from chat.protocol.marks import Stripper, strip_marks
from chat.protocol.mending import Halves


class AnswerText(Answer):
    """The answer of one turn."""

    __slots__ = ("_final", "_gate", "_halves", "_pieces", "_stripper")

    def __init__(self) -> None:
        super().__init__()
        self._pieces = [""]
        self._final: str | None = None
        self._halves = Halves()
        self._gate = NoticeGate()
        self._stripper = Stripper()

    @property
    def final(self) -> str:
        """The answer as it last stood."""
        return strip_marks(self._known() if self._final is None else self._final)

    @property
    def is_notice(self) -> bool:
        """Whether the text says that the account asks too often, and nothing else."""
        return self._gate.has_notice

    def append(self, piece: str) -> str:
        """Take what was written at the end; what of it may go out now."""
        return self._add(self._halves.join(piece))

    def update(self, text: str) -> str:
        """Take the whole text so far; the part that may go out now.

        Shape: text that extends what is known gives its tail, its beginning gives nothing; any other text gives
        nothing either, and is the answer unless a later one says otherwise.
        """
        self._halves.drop()
        known = self._known()
        if text.startswith(known):
            self._final = None
            return self._add(text[len(known) :])
        if not known.startswith(text):
            self._final = text
        return ""

    def ends_with(self, piece: str) -> bool:
        """Whether the text known so far ends so: a piece beside a whole text may be in it already."""
        return self._known().endswith(piece)

    def settle(self, candidates: Sequence[str]) -> str:
        """Take the texts the turn ends with, the likeliest first; the missing tail.

        Shape: one that extends what is known wins over the others; without any, what is known is the answer.
        """
        known = self._known()
        texts = [text for text in candidates if text.startswith(known)] or candidates
        tail = self.update(texts[0]) if texts else ""
        return tail if self.is_notice else tail + self._release(self._gate.flush())

    def _known(self) -> str:
        """The text so far; it waits in pieces, since joining it anew with each would cost its length squared."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def _add(self, piece: str) -> str:
        self._pieces.append(piece)
        return self._release(self._gate.feed(piece))

    def _release(self, text: str) -> str:
        delta = self._stripper.feed(text)
        if delta:
            self._deltas.append(delta)
        return delta
