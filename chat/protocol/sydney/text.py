"""Turn Bing's growing texts into deltas and the final answer.

Each update repeats a message's whole text and may rewrite it, but text that was sent cannot be recalled.
Source: docs/wire/chathub.md, section 5.4.
"""

from __future__ import annotations

from chat.protocol.answer_text import AnswerText


class _Block:
    """One message of the answer: the text of it that was sent, and its latest text."""

    __slots__ = ("latest", "sent")

    def __init__(self, sent: str, latest: str) -> None:
        self.sent = sent
        self.latest = latest


class SydneyAnswerText(AnswerText):
    """The text of one answer, collected from its messages."""

    __slots__ = ("_blocks", "_undecided")

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[str, _Block] = {}
        # Messages that so far only repeat the beginning of the sent text: the same answer under a new id, or a new one.
        self._undecided: dict[str, str] = {}

    @property
    def final(self) -> str:
        """The latest version of the text; the streamed text if that is blank."""
        text = "".join(block.latest for block in self._blocks.values())
        return text if text.strip() else self.streamed

    def update(self, message_id: str, text: str) -> str:
        """Read a message's whole text. Return the delta to send, or "".

        Text that extends what was sent gives its tail. Shorter or rewritten text gives "" and is remembered.
        """
        block = self._blocks.get(message_id) or self._open(message_id, text)
        if block is None:
            return ""
        block.latest = text
        # Rewritten text cannot replace what was sent: `final` reports it at the end.
        if not text.startswith(block.sent):
            return ""
        tail = text[len(block.sent) :]
        block.sent = text
        if tail:
            self._deltas.append(tail)
        return tail

    def finish(self, message_id: str, text: str) -> str:
        """Read the text that the turn ends with. Return the delta to send, or "".

        An undecided message is now known to be the answer, and replaces the text that it repeats.
        """
        tail = self.update(message_id, text)
        if message_id in self._undecided:
            self._blocks = {message_id: _Block(self.streamed, text)}
        return tail

    def _open(self, message_id: str, text: str) -> _Block | None:
        """Return the block of a new message, which continues all sent text or begins another one. None if undecided."""
        sent = self.streamed
        if sent and sent.startswith(text):
            self._undecided[message_id] = text
            return None
        self._undecided.pop(message_id, None)
        # The same answer under another id: its block stands for all text so far.
        if sent and text.startswith(sent):
            self._blocks.clear()
            block = _Block(sent, sent)
        else:
            block = _Block("", "")
        self._blocks[message_id] = block
        return block
