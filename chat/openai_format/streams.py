"""Turn events into SSE lines. What all chunks of a stream share is encoded once."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from chat.openai_format.answers import ChunkDelta
from chat.openai_format.choices import Choice, usage
from chat.openai_format.truncation import Truncation
from chat.protocol.events import Event, Finished, Prompt, ReasoningDelta, ServedBy

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.encode
# JSON does not escape these, but many clients split lines with a function that treats them as line ends.
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class Stream:
    """One streamed answer: `start()`, then `add()` for each event until `is_ended`; `keepalive()` in between.

    Args:
        completion_id: The id of each chunk.
        created: Unix seconds.
        model: The model as the caller named it.
        prompt: What was asked, for the usage.
        truncation: What ends the answer early.
        inline_extras: True to write searches and suggestions into the content as well.
        include_usage: True to send a chunk with the usage at the end.
    """

    def __init__(
        self,
        completion_id: str,
        created: int,
        model: str,
        *,
        prompt: Prompt,
        truncation: Truncation | None = None,
        inline_extras: bool = False,
        include_usage: bool = False,
    ) -> None:
        self._facts = {"id": completion_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._share(None)
        # OpenAI sends a null usage in each chunk if the usage was asked for.
        self._end = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        # Most of a stream is text deltas: only the text itself is encoded for each.
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._end
        self._text_tail = b"}" + self._tail
        self._includes_usage = include_usage
        self._prompt = prompt
        self._choice = Choice(0, truncation, inline_extras=inline_extras, is_streamed=True)
        self.is_ended = False

    def _share(self, served_by: str | None) -> None:
        """Encode what all chunks share, until another back end takes over."""
        self._shared = _json(self._facts | {"system_fingerprint": served_by})[:-1]
        self._head = b"data: " + self._shared + b',"choices":[{"index":0,"delta":'
        self._text_head = self._head + b'{"content":'

    def start(self) -> bytes:
        """Return the first chunk, which has the role."""
        return self._chunk(ChunkDelta("assistant", ""))

    def keepalive(self) -> bytes:
        """Return a chunk without content. Not an SSE comment, since some clients parse every line as a chunk."""
        return self._head + b"{}" + self._tail

    def add(self, event: Event) -> bytes:
        """Return the lines of an event: b"" if it has none, the closing lines if it ends the answer."""
        if isinstance(event, ReasoningDelta):
            self._choice.add(event)
            return self._chunk(ChunkDelta(reasoning_content=event.text))
        # Another back end may take over until the first text, and then the fingerprint changes.
        if isinstance(event, ServedBy):
            self._share(event.name)
        text = self._choice.add(event)
        lines = self._text_head + _json(text) + self._text_tail if text else b""
        # A full answer ends here, and the rest of the back end's is not read (docs/decisions.md, 17).
        if isinstance(event, Finished) or self._choice.is_full:
            self.is_ended = True
            return lines + self._closing()
        return lines

    def truncated_answer(self) -> str | None:
        """As `Choice.truncated_answer`."""
        return self._choice.truncated_answer()

    def canonical_answer(self) -> str | None:
        """As `Choice.canonical_answer`."""
        return self._choice.canonical_answer()

    def error(self, body: msgspec.Struct) -> bytes:
        """Return the line of a failure. The stream ends after it, without the `[DONE]` of a complete answer."""
        self.is_ended = True
        return b"data: " + _json(body) + b"\n\n"

    def _chunk(self, delta: ChunkDelta) -> bytes:
        return self._head + _json(delta) + self._tail

    def _closing(self) -> bytes:
        annotations, suggestions = self._choice.annotations(), self._choice.suggestions
        delta = ChunkDelta(annotations=annotations or UNSET, suggested_responses=list(suggestions) or UNSET)
        reason = self._choice.finish_reason.encode()
        last = self._head + b'{},"logprobs":null,"finish_reason":"' + reason + b'"}]' + self._end
        counted = b""
        if self._includes_usage:
            figures = _json(usage(self._prompt, [self._choice]))
            counted = b"data: " + self._shared + b',"choices":[],"usage":' + figures + b"}\n\n"
        return (self._chunk(delta) if annotations or suggestions else b"") + last + counted + DONE


def _json(value: Any) -> bytes:
    encoded = _encode(value)
    if not encoded.isascii():
        for character, escape in _LINE_ENDS:
            encoded = encoded.replace(character, escape)
    return encoded
