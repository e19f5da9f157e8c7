"""Collect one answer from events, and build the completion with it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from chat.openai_format.annotations import (
    annotate_images,
    build_annotations,
    strip_inline_annotations,
    write_image,
    write_search,
    write_suggestions,
)
from chat.openai_format.answers import Annotation, AnswerMessage, ChatCompletion, CompletionChoice, FinishReason, Usage
from chat.openai_format.truncation import Truncation, Truncator, estimate_tokens
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

# For a refusal without a text, since an answer is never empty.
REFUSAL_TEXT = "{} declined to answer this message."


class Choice:
    """One answer as it grows.

    Args:
        index: The choice's index in the completion.
        truncation: What ends the answer early.
        inline_extras: True to write searches and suggestions into the content as well.
        is_streamed: True if each piece is sent as soon as `add` returns it. A text that the back end rewrites later
            then stays as it was sent.
    """

    def __init__(
        self,
        index: int = 0,
        truncation: Truncation | None = None,
        *,
        inline_extras: bool = False,
        is_streamed: bool = False,
    ) -> None:
        self.index = index
        self._truncation = truncation or Truncation()
        self._truncator = Truncator(self._truncation)
        self._has_inline = inline_extras
        self._is_streamed = is_streamed
        self._pieces: list[str] = []
        self._searches: list[str] = []
        self._images: list[tuple[Source, str]] = []
        self._reasoning: list[str] = []
        self._found: list[Source] = []
        self._citations: tuple[Source, ...] = ()
        self._is_refused = False
        self._display_name = "Bing"  # until a ServedBy names another one
        self.suggestions: tuple[str, ...] = ()
        self.served_by: str | None = None

    @property
    def is_full(self) -> bool:
        """True if nothing that follows would be shown. A refusal is shown to its end, whatever its length."""
        return self._truncator.reason is not None and not self._is_refused

    @property
    def finish_reason(self) -> FinishReason:
        """OpenAI's reason."""
        return "content_filter" if self._is_refused else self._truncator.reason or "stop"

    @property
    def content(self) -> str:
        """The text shown so far."""
        return "".join(self._pieces)

    def truncated_answer(self) -> str | None:
        """Return the answer as the next request will repeat it, if the caller's own limit ended it; else None."""
        return strip_inline_annotations(self.content) if self.is_full else None

    def canonical_answer(self) -> str | None:
        """Return the answer as the next request will repeat it, if `Finished.text` is not that; else None.

        It differs if the content has pictures, or is a refusal.
        """
        return strip_inline_annotations(self.content) if self._images or self._is_refused else None

    @property
    def reasoning(self) -> str:
        """The model's reasoning so far."""
        return "".join(self._reasoning)

    def add(self, event: Event) -> str:
        """Read one event. Return the text that it adds to the content."""
        match event:
            case TextDelta(text):
                return self._show(self._truncator.feed(text))
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case ImageMade(url, alt):
                return self._draw(Source(alt, url))
            case ServedBy(name, display_name=display_name):
                self.served_by, self._display_name = name, display_name
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

    def annotations(self) -> list[Annotation]:
        """Return the answer's annotations: pictures and sources. A refused answer has none."""
        if self._is_refused:
            return []
        made = annotate_images(self.content, self._images)
        return made + build_annotations(self.content, self._citations, self._found)

    def message(self) -> AnswerMessage:
        """Return the answer as a message of the assistant."""
        return AnswerMessage(
            role="assistant",
            content=self.content,
            refusal=None,
            annotations=self.annotations(),
            suggested_responses=list(self.suggestions),
            reasoning_content=self.reasoning if self._reasoning else UNSET,
        )

    def _show(self, text: str) -> str:
        if text:
            self._pieces.append(text)
        return text

    def _draw(self, image: Source) -> str:
        # In the content, since clients show that. The key of the history is computed from the same text
        # (docs/decisions.md, 66).
        shown = write_image(image)
        self._images.append((image, shown))
        return self._show(f"{self._truncator.flush()}\n\n{shown}\n\n")

    def _search(self, query: str, items: tuple[Source, ...]) -> str:
        self._found += items
        if not self._has_inline:
            return ""
        self._searches.append(write_search(query, items))
        return self._show(self._truncator.flush() + self._searches[-1])

    def _refuse(self, event: Refused) -> str:
        self._is_refused = True
        text = event.text or REFUSAL_TEXT.format(self._display_name)
        return self._show(self._truncator.flush() if event.after_text else text)

    def _finish(self, event: Finished) -> str:
        # The back end rewrote text: an answer that was not streamed can still show the final version.
        if event.text != event.streamed and not self._is_streamed and not self._is_refused:
            # Start again: the limit applies to the final text.
            self._truncator = Truncator(self._truncation)
            self._pieces = [*self._searches, self._truncator.feed(event.text)]
            self._pieces += [f"\n\n{shown}\n\n" for _, shown in self._images]
        shown = self._truncator.flush()
        # Suggestions would ask about text that a full answer does not show.
        if self._has_inline and self.suggestions and not self.is_full:
            shown += write_suggestions(self.suggestions)
        return self._show(shown)


def completion(
    completion_id: str, created: int, model: str, choices: Sequence[Choice], prompt: Prompt
) -> ChatCompletion:
    """Return a `chat.completion` with estimated usage.

    Args:
        completion_id: The id of the completion.
        created: Unix seconds.
        model: The model as the caller named it.
        choices: The answers, each complete.
        prompt: What was asked, for the usage.
    """
    shown = [CompletionChoice(choice.index, choice.message(), None, choice.finish_reason) for choice in choices]
    # The back end that answered; OpenAI's own fingerprint names its configuration.
    served_by = choices[-1].served_by if choices else None
    return ChatCompletion(
        completion_id, "chat.completion", created, model, served_by, choices=shown, usage=usage(prompt, choices)
    )


def usage(prompt: Prompt, choices: Sequence[Choice]) -> Usage:
    """Return the estimated usage. The whole history counts, even if the back end already had it."""
    texts = (prompt.system, prompt.question, *(message.text for message in prompt.history))
    prompt_tokens = sum(estimate_tokens(text) for text in texts)
    completion_tokens = sum(estimate_tokens(choice.content + choice.reasoning) for choice in choices)
    return Usage(prompt_tokens, completion_tokens, prompt_tokens + completion_tokens)
