"""One answer gathered from events, and the completion it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.openai_format.cutting import Cut, Cutter, estimate_tokens
from chat.openai_format.extras import (
    annotate_images,
    build_annotations,
    strip_extras,
    write_image,
    write_search,
    write_suggestions,
)
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    ImageMade,
    Prompt,
    ReasoningDelta,
    Refused,
    ServedBy,
    Source,
    Sources,
    Suggestions,
    TextDelta,
)

# Some refusals come without a word; an answer is never empty.
REFUSAL_TEXT = "{} declined to answer this message."


class Choice:
    """One answer as it grows.

    `is_streamed`: each piece is out as soon as `add` gives it, so a text that Bing rewrites afterwards stays as it is.
    """

    def __init__(
        self, index: int = 0, cut: Cut | None = None, *, inline_extras: bool = False, is_streamed: bool = False
    ) -> None:
        self.index = index
        self._cut = cut or Cut()
        self._cutter = Cutter(self._cut)
        self._has_inline = inline_extras
        self._is_streamed = is_streamed
        self._pieces: list[str] = []
        self._searches: list[str] = []
        self._images: list[tuple[Source, str]] = []
        self._reasoning: list[str] = []
        self._found: list[Source] = []
        self._citations: tuple[Source, ...] = ()
        self._is_refused = False
        self._voice = "Bing"  # until it is said who answers
        self.suggestions: tuple[str, ...] = ()
        self.served_by: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether the cut is reached: what follows would not be shown. A refusal is told to its end."""
        return self._cutter.reason is not None and not self._is_refused

    @property
    def finish_reason(self) -> str:
        """`stop`, `length` or `content_filter`; no other is ever given."""
        return "content_filter" if self._is_refused else self._cutter.reason or "stop"

    @property
    def content(self) -> str:
        """All that is shown so far."""
        return "".join(self._pieces)

    def cut_answer(self) -> str | None:
        """The answer as the caller's next request will repeat it, if their own limit ended it; else None."""
        return strip_extras(self.content) if self.is_full else None

    def told_answer(self) -> str | None:
        """The answer as the caller's next request will repeat it, where that is not the end's text; else None.

        Pictures stand in it then, or it is a refusal: the end has no text of one that came before any.
        """
        return strip_extras(self.content) if self._images or self._is_refused else None

    @property
    def reasoning(self) -> str:
        """What the model thought aloud."""
        return "".join(self._reasoning)

    def add(self, event: Event) -> str:
        """Take one event; what it adds to the content."""
        match event:
            case TextDelta(text):
                return self._show(self._cutter.feed(text))
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case ImageMade(url, alt):
                return self._draw(Source(alt, url))
            case ServedBy(name, voice=voice):
                self.served_by, self._voice = name, voice
            case Sources(query, items):
                return self._search(query, items)
            case Citations(items):
                self._citations = items
            case Suggestions(texts):
                self.suggestions = texts
            case Refused():
                return self._refuse(event)
            case Finished():
                return self._finish(event)
        return ""

    def annotations(self) -> list[dict[str, Any]]:
        """The sources of the answer; a withdrawn answer has none."""
        if self._is_refused:
            return []
        made = annotate_images(self.content, self._images)
        return made + build_annotations(self.content, self._citations, self._found)

    def message(self) -> dict[str, Any]:
        """The answer as an assistant's message."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.content,
            "refusal": None,
            "annotations": self.annotations(),
            "suggested_responses": list(self.suggestions),
        }
        return message | ({"reasoning_content": self.reasoning} if self._reasoning else {})

    def _show(self, text: str) -> str:
        if text:
            self._pieces.append(text)
        return text

    def _draw(self, image: Source) -> str:
        shown = write_image(image)
        self._images.append((image, shown))
        return self._show(f"{self._cutter.flush()}\n\n{shown}\n\n")

    def _search(self, query: str, items: tuple[Source, ...]) -> str:
        self._found += items
        if not self._has_inline:
            return ""
        self._searches.append(write_search(query, items))
        return self._show(self._cutter.flush() + self._searches[-1])

    def _refuse(self, event: Refused) -> str:
        self._is_refused = True
        words = event.text or REFUSAL_TEXT.format(self._voice)
        return self._show(self._cutter.flush() if event.after_text else words)

    def _finish(self, event: Finished) -> str:
        if event.text != event.streamed and not self._is_streamed and not self._is_refused:
            self._cutter = Cutter(self._cut)
            self._pieces = [*self._searches, self._cutter.feed(event.text)]
            self._pieces += [f"\n\n{shown}\n\n" for _, shown in self._images]
        shown = self._cutter.flush()
        if self._has_inline and self.suggestions and not self.is_full:
            shown += write_suggestions(self.suggestions)
        return self._show(shown)


def completion(
    completion_id: str, created: int, model: str, choices: Sequence[Choice], prompt: Prompt
) -> dict[str, Any]:
    """A whole answer: `chat.completion` with estimated usage. Units: `created` in Unix seconds."""
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "system_fingerprint": choices[-1].served_by if choices else None,
        "choices": [
            {
                "index": choice.index,
                "message": choice.message(),
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for choice in choices
        ],
        "usage": usage(prompt, choices),
    }


def usage(prompt: Prompt, choices: Sequence[Choice]) -> dict[str, int]:
    """How many tokens went in and out, by our own estimate; the whole history counts, however it was sent."""
    texts = (prompt.system, prompt.question, *(said.text for said in prompt.history))
    prompt_tokens = sum(estimate_tokens(text) for text in texts)
    completion_tokens = sum(estimate_tokens(choice.content + choice.reasoning) for choice in choices)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
