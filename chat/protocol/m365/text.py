"""Turn Microsoft 365's two overlapping streams of one text into deltas and the final answer.

`writeAtCursor` brings pieces for the end; messages in between bring the whole text so far.
Source: docs/wire/m365.md, section 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from chat.protocol.answer_text import AnswerText
from chat.protocol.citation_marks import MarkStripper, strip_marks
from chat.protocol.m365.notice import NoticeGate
from chat.protocol.surrogates import SurrogateJoiner


class M365AnswerText(AnswerText):
    """The text of one answer."""

    __slots__ = ("_final", "_gate", "_joiner", "_pieces", "_stripper")

    def __init__(self) -> None:
        super().__init__()
        self._pieces = [""]
        self._final: str | None = None
        self._joiner = SurrogateJoiner()
        self._gate = NoticeGate()
        self._stripper = MarkStripper()

    @property
    def final(self) -> str:
        """The latest version of the text, without citation marks."""
        return strip_marks(self._known() if self._final is None else self._final)

    @property
    def is_notice(self) -> bool:
        """True if the text is the rate-limit sentence and nothing else."""
        return self._gate.has_notice

    def append(self, piece: str) -> str:
        """Add a piece at the end. Return the delta to send."""
        return self._add(self._joiner.join(piece))

    def update(self, text: str) -> str:
        """Read the whole text so far. Return the delta to send.

        Text that extends what is known gives its tail, and text that begins it gives "". Any other text gives "" too,
        and is the final answer unless a later one continues what is known.
        """
        # A whole text has the complete character, if a piece ended with half of one.
        self._joiner.drop()
        known = self._known()
        if text.startswith(known):
            self._final = None  # a rewrite was taken back
            return self._add(text[len(known) :])
        if not known.startswith(text):
            self._final = text
        return ""

    def ends_with(self, piece: str) -> bool:
        """True if the text so far ends with the piece: one beside a whole text may be in it already."""
        return self._known().endswith(piece)

    def finish(self, candidates: Sequence[str]) -> str:
        """Read the texts that the turn ends with, the likeliest first. Return the missing tail.

        A text that extends what is known is preferred. If there is no text, what is known is the answer.
        """
        known = self._known()
        # `result.message` comes first, but on some tenants only the last message continues what was sent (section 5.4).
        texts = [text for text in candidates if text.startswith(known)] or candidates
        tail = self.update(texts[0]) if texts else ""
        # The rate-limit sentence is an error and is never sent.
        return tail if self.is_notice else tail + self._release(self._gate.flush())

    def _known(self) -> str:
        """Return the text so far. It is kept in pieces: joining it for each one would take quadratic time."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def _add(self, piece: str) -> str:
        self._pieces.append(piece)
        return self._release(self._gate.feed(piece))

    def _release(self, text: str) -> str:
        # After the gate, so that it sees the text as the service wrote it.
        delta = self._stripper.feed(text)
        if delta:
            self._deltas.append(delta)
        return delta
