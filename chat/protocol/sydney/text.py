"""From Bing's growing texts to deltas, and to the answer as it finally stands.

Each message's text is sent whole again and again, and it may be rewritten; what a caller has seen cannot be recalled.
Source: docs/wire/chathub.md, section 5.4.
"""

from __future__ import annotations

from chat.protocol.answers import Answer


class _Block:
    """One message of the answer: what of it is out, and how it last stood."""

    __slots__ = ("emitted", "latest")

    def __init__(self, emitted: str, latest: str) -> None:
        self.emitted = emitted
        self.latest = latest


class AnswerText(Answer):
    """The answer of one turn, gathered over its messages."""

    __slots__ = ("_blocks", "_held")

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[str, _Block] = {}
        # Messages that so far only repeat the beginning of what is out: the same answer under a new id, or a new one.
        self._held: dict[str, str] = {}

    @property
    def final(self) -> str:
        """The answer as it last stood."""
        text = "".join(block.latest for block in self._blocks.values())
        return text if text.strip() else self.streamed

    def update(self, message_id: str, text: str) -> str:
        """Take a message's whole text; the part that may go out now, "" when there is none.

        Shape: text that extends what is out gives its tail; shorter or rewritten text gives nothing and is remembered.
        """
        block = self._blocks.get(message_id) or self._open(message_id, text)
        if block is None:
            return ""
        block.latest = text
        if not text.startswith(block.emitted):
            return ""
        tail = text[len(block.emitted) :]
        block.emitted = text
        if tail:
            self._deltas.append(tail)
        return tail

    def settle(self, message_id: str, text: str) -> str:
        """Take the text the turn ends with; a message that was held back now replaces what it repeats."""
        tail = self.update(message_id, text)
        if message_id in self._held:
            self._blocks = {message_id: _Block(self.streamed, text)}
        return tail

    def _open(self, message_id: str, text: str) -> _Block | None:
        """The block of a new message: a continuation of all that is out, or one from its start; None: not decided."""
        out = self.streamed
        if out and out.startswith(text):
            self._held[message_id] = text
            return None
        self._held.pop(message_id, None)
        if out and text.startswith(out):
            self._blocks.clear()
            block = _Block(out, out)
        else:
            block = _Block("", "")
        self._blocks[message_id] = block
        return block
