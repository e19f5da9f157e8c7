"""Turn Microsoft 365's two overlapping streams of one text into deltas and the final answer.

`writeAtCursor` brings pieces for the end; messages in between, and the end, bring the whole text. Only the pieces are
raw: whole texts have lost links, citations and code that looks like them. So once pieces come, whole texts extend them
and never replace them, unless pieces are missing.
Source: docs/wire/m365.md, section 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from chat.protocol.answer_text import AnswerText
from chat.protocol.citation_marks import MarkStripper, strip_marks
from chat.protocol.m365.alignment import find_tail
from chat.protocol.m365.notice import NoticeGate
from chat.protocol.surrogates import SurrogateJoiner


class M365AnswerText(AnswerText):
    """The text of one answer."""

    __slots__ = ("_final", "_gate", "_has_pieces", "_joiner", "_length", "_pieces", "_stripper")

    def __init__(self) -> None:
        super().__init__()
        self._pieces = [""]
        self._length = 0  # characters of `_pieces`
        self._has_pieces = False
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
        self._has_pieces = True
        return self._add(self._joiner.join(piece))

    def update(self, text: str) -> str:
        """Read the whole text so far. Return the delta to send.

        Text that extends what is known gives its tail, and text that begins it gives "". Any other text gives "" too,
        and is the final answer unless a later one continues what is known or pieces have brought as much.
        """
        # Most whole texts repeat what the pieces have brought. If the filter has shortened one, the end will tell.
        if self._has_pieces and len(text) <= self._length:
            return ""
        return self._extend(text)

    def add(self, whole: str, piece: str) -> str:
        """Read a whole text and the piece beside it, which it may include; "" for none. Return the delta to send."""
        if not piece:
            return self.update(whole)
        known = self._known()
        # The piece first wherever it continues the text, since it is raw. One that was already added does not.
        if not known.endswith(piece) and find_tail(known + piece, whole) is not None:
            return self.append(piece) + self.update(whole)
        delta = self.update(whole)
        return delta if self._known().endswith(piece) else delta + self.append(piece)

    def finish(self, candidates: Sequence[str]) -> str:
        """Read the texts that the turn ends with, the likeliest first. Return the missing tail.

        A text that extends what is known is preferred. If there is no text, what is known is the answer.
        """
        # `result.message` comes first, but on some tenants only the last message continues what was sent (section 5.4).
        texts = [text for text in candidates if self._find_tail(text) is not None] or candidates
        tail = self._extend(texts[0]) if texts else ""
        # The rate-limit sentence is an error and is never sent.
        return tail if self.is_notice else tail + self._release(self._gate.flush())

    def _extend(self, text: str) -> str:
        tail = self._find_tail(text)
        if tail is None:
            # Another wording. What came in pieces is only replaced by more: then some of the pieces are missing.
            if not self._has_pieces or len(text) > self._length:
                self._final = text
            return ""
        if not tail and len(text) < self._length:
            return ""  # it is behind, or shortened by the filter
        # A whole text has the complete character, if a piece ended with half of one.
        self._joiner.drop()
        self._final = None
        return self._add(tail)

    def _find_tail(self, text: str) -> str | None:
        """Return what a whole text adds to the known one; None if it is another wording."""
        known = self._known()
        if text.startswith(known):
            return text[len(known) :]
        if known.startswith(text):
            return ""
        return find_tail(known, text) if self._has_pieces else None

    def _known(self) -> str:
        """Return the text so far. It is kept in pieces: joining it for each one would take quadratic time."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def _add(self, piece: str) -> str:
        self._pieces.append(piece)
        self._length += len(piece)
        return self._release(self._gate.feed(piece))

    def _release(self, text: str) -> str:
        # After the gate, so that it sees the text as the service wrote it.
        delta = self._stripper.feed(text)
        if delta:
            self._deltas.append(delta)
        return delta
