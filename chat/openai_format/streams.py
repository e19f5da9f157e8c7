"""Events → SSE lines. What all chunks of a stream share is encoded once."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.openai_format.choices import Choice, usage
from chat.openai_format.cutting import Cut
from chat.protocol.events import Event, Finished, Prompt, ReasoningDelta, ServedBy

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.encode
# JSON lets these stand as they are, but many clients split lines with a function that takes them for line ends.
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class Stream:
    """One streamed answer: `start()`, then `add()` for each event until `is_ended`; `keepalive()` in between.

    Units: `created` in Unix seconds.
    """

    def __init__(
        self,
        completion_id: str,
        created: int,
        model: str,
        *,
        prompt: Prompt,
        cut: Cut | None = None,
        inline_extras: bool = False,
        include_usage: bool = False,
    ) -> None:
        self._facts = {"id": completion_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._share(None)
        self._end = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._end
        self._text_tail = b"}" + self._tail
        self._includes_usage = include_usage
        self._prompt = prompt
        self._choice = Choice(0, cut, inline_extras=inline_extras, is_streamed=True)
        self.is_ended = False

    def _share(self, served_by: str | None) -> None:
        """Encode what all chunks have in common, until another back end takes over."""
        self._shared = _json(self._facts | {"system_fingerprint": served_by})[:-1]
        self._head = b"data: " + self._shared + b',"choices":[{"index":0,"delta":'
        self._text_head = self._head + b'{"content":'

    def start(self) -> bytes:
        """The first chunk, which names the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def keepalive(self) -> bytes:
        """A chunk that says nothing. No SSE comment: some clients take every line for a chunk."""
        return self._head + b"{}" + self._tail

    def add(self, event: Event) -> bytes:
        """The lines an event makes; b"" for one that makes none, the closing lines for one that ends the answer."""
        if isinstance(event, ReasoningDelta):
            self._choice.add(event)
            return self._chunk({"reasoning_content": event.text})
        if isinstance(event, ServedBy):
            self._share(event.name)
        text = self._choice.add(event)
        lines = self._text_head + _json(text) + self._text_tail if text else b""
        if isinstance(event, Finished) or self._choice.is_full:
            self.is_ended = True
            return lines + self._closing()
        return lines

    def cut_answer(self) -> str | None:
        """The answer if the caller's own limit ended it; else None."""
        return self._choice.cut_answer()

    def told_answer(self) -> str | None:
        """The answer with the pictures in it, or what a refusal was shown as; None for any other."""
        return self._choice.told_answer()

    def error(self, body: dict[str, Any]) -> bytes:
        """The line of a failure; the stream ends after it, without the sign of a good end."""
        self.is_ended = True
        return b"data: " + _json(body) + b"\n\n"

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        return self._head + _json(delta) + self._tail

    def _closing(self) -> bytes:
        annotations, suggestions = self._choice.annotations(), self._choice.suggestions
        extras: dict[str, Any] = {"annotations": annotations} if annotations else {}
        if suggestions:
            extras["suggested_responses"] = list(suggestions)
        reason = self._choice.finish_reason.encode()
        last = self._head + b'{},"logprobs":null,"finish_reason":"' + reason + b'"}]' + self._end
        counted = b""
        if self._includes_usage:
            figures = _json(usage(self._prompt, [self._choice]))
            counted = b"data: " + self._shared + b',"choices":[],"usage":' + figures + b"}\n\n"
        return (self._chunk(extras) if extras else b"") + last + counted + DONE


def _json(value: Any) -> bytes:
    encoded = _encode(value)
    if not encoded.isascii():
        for character, escape in _LINE_ENDS:
            encoded = encoded.replace(character, escape)
    return encoded
