"""One turn with Microsoft 365 Copilot: frames in, events out, records to send.

Source: docs/wire/m365.md, sections 3, 5 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bingproject.errors import ServiceError
from chat.protocol.chathub import HubTurn, parse_suggestions
from chat.protocol.events import Event, ImageMade, Prompt, ReasoningDelta, Searching, Source, TextDelta
from chat.protocol.failures import SessionEndedError
from chat.protocol.m365.grounding import parse_exhausted, parse_images, parse_queries, parse_references
from chat.protocol.m365.images import UploadedImage
from chat.protocol.m365.invocation import build_question
from chat.protocol.m365.records import Item, Message, Update, parse_record
from chat.protocol.m365.session import M365, Thread
from chat.protocol.m365.text import AnswerText

# What a message without a type is when it is no answer; most of these have the type Progress besides.
PROGRESS_ORIGINS = ("ChainOfThoughtSummary", "EarlyProgress", "ImageGeneration")
# Seen, and of no use here; all others are counted.
IDLE_TYPES = (
    "EndOfRequest",
    "GeneratedCode",
    "InternalLoaderMessage",
    "InternalSearchQuery",
    "InternalSearchResult",
    "ReferencesListComplete",
    "RenderCardRequest",
    "Suggestion",
)
# The meter of plain answers: at nothing, an answer that is empty means that the account has used up its share.
ANSWER_METER = "LLMOnly"


class Reply(HubTurn[Update, Message]):
    """One turn; how it is driven stands at `chat.protocol.events.Dialect`.

    Shape: `exhausted` names the meters that stand at nothing, as far as the turn said.
    """

    _text: AnswerText

    def __init__(
        self,
        thread: Thread,
        prompt: Prompt,
        tone: str,
        *,
        turn: int,
        request_id: str,
        trace_id: str,
        has_search: bool = True,
        images: Sequence[UploadedImage] = (),
    ) -> None:
        question = build_question(
            thread,
            prompt,
            tone,
            turn=turn,
            request_id=request_id,
            trace_id=trace_id,
            has_search=has_search,
            images=images,
        )
        # No ping with it, unlike Bing's: one client blames it for streams that end at once.
        super().__init__(M365, parse_record, (question,), AnswerText())
        self.exhausted: tuple[str, ...] = ()
        self._told: set[str] = set()
        self._reasoning: dict[str, str] = {}
        self._images: set[str] = set()
        self._references: dict[str, tuple[int, Source]] = {}

    @property
    def has_text(self) -> bool:
        """Whether some of the answer is out, after which nothing can be tried again; a picture is some of it."""
        return self._text.has_started or bool(self._images)

    def _update(self, update: Update, events: list[Event]) -> None:
        """Take whole texts first, then what is written at the end, which may be in them already."""
        if update.throttling is not None:
            self._note_throttling(update.throttling, events)
        if update.references:
            self._references |= parse_references(update.references)
        messages = [message for message in update.messages or [] if message.author == "bot"]
        for message in messages:
            self._hear(message, events)
        piece = update.write_at_cursor
        # Beside a tool's or a progress message it belongs to that message, and not to the answer.
        if not isinstance(piece, str) or self._refusal.is_made or not all(map(_is_answer, messages)):
            return
        if not (messages and self._text.ends_with(piece)):
            self._tell(self._text.append(piece), events)

    def _hear(self, message: Message, events: list[Event]) -> None:
        """Take one of the service's messages."""
        self._note_extras(message)
        if self._refusal.note(message):
            return
        if _is_answer(message):
            if isinstance(message.text, str) and not self._refusal.is_made:
                self._tell(self._text.update(message.text), events)
        elif message.message_type == "Progress" or message.content_origin in PROGRESS_ORIGINS:
            self._follow(message, events)
        elif message.message_type not in IDLE_TYPES:
            self.skipped += 1

    def _note_extras(self, message: Message) -> None:
        """What stands around the text; nearly every message has none of it."""
        if message.references:
            self._references |= parse_references(message.references)
        if message.suggested_responses:
            self._suggestions = parse_suggestions(message) or self._suggestions

    def _follow(self, message: Message, events: list[Event]) -> None:
        """Take what is told of the work on an answer: thoughts, searches, pictures."""
        if message.content_origin == "ChainOfThoughtSummary":
            self._reason(message, events)
        for query in parse_queries(message):
            if query not in self._told:
                self._told.add(query)
                events.append(Searching(query))
        for url in parse_images(message):
            if url not in self._images:
                self._images.add(url)
                events.append(ImageMade(url, ""))

    def _reason(self, message: Message, events: list[Event]) -> None:
        """A thought may come whole again and again, like an answer; each new one stands on a line of its own."""
        key, text = str(message.message_id), message.text
        if not isinstance(text, str) or not text:
            return
        seen = self._reasoning.get(key, "")
        if not text.startswith(seen):
            return
        tail = text[len(seen) :]
        if tail:
            is_another = not seen and self._reasoning
            events.append(ReasoningDelta(f"\n\n{tail}" if is_another else tail))
        self._reasoning[key] = text

    def _tell(self, delta: str, events: list[Event]) -> None:
        if delta:
            events.append(TextDelta(delta))

    def _note_throttling(self, value: Any, events: list[Event]) -> None:
        self.exhausted = parse_exhausted(value) or self.exhausted
        super()._note_throttling(value, events)

    def _complete(self, item: Item, events: list[Event]) -> None:
        self._note_throttling(item.throttling, events)
        self._check_result(item)
        messages = [message for message in item.messages or [] if message.author == "bot"]
        answers = [message for message in messages if _is_answer(message)]
        for message in messages:
            if not _is_answer(message):
                self._hear(message, events)
        # Earlier turns may stand here too: only the last message is this turn's answer.
        for message in answers[-1:]:
            self._note_extras(message)
            self._refusal.note(message)
        if not self._refusal.is_made:
            texts = [item.result.get("message"), *(message.text for message in answers[-1:])]
            candidates = [text for text in texts if isinstance(text, str) and text.strip()]
            self._tell(self._text.settle(candidates), events)

    def _close_stream(self, events: list[Event]) -> None:
        if not self._refusal.is_made:
            self._tell(self._text.settle(()), events)
            if not (self.has_text or self._text.is_notice):
                raise M365.unexpected("the stream was closed without a word: the invocation was dropped")
        super()._close_stream(events)

    def _failure(self, value: str, words: str) -> ServiceError:
        """As Bing's, but a token that ran out is the account's here and not the conversation's."""
        error = super()._failure(value, words)
        is_token = isinstance(error, SessionEndedError) and value == "UnauthorizedRequest"
        return M365.fail("cookie_expired", error.detail) if is_token else error

    def _is_decided(self) -> bool:
        """A sentence that the account asks too often says enough: how it ends after that does not matter."""
        return super()._is_decided() or self._text.is_notice

    def _check_answer(self) -> None:
        """Raise what it means when there is nothing but a sentence about limits, or nothing at all.

        Raises: AccountThrottledError when all that was said is that the account asks too often, or it said nothing and
        its meter stands at nothing; UnexpectedResponseError upstream_interrupted when nothing is called an answer.
        """
        if self._text.is_notice:
            raise M365.fail("throttled", "the answer is a rate-limit notice")
        if self._images:
            return
        if self._text.is_blank and ANSWER_METER in self.exhausted:
            raise M365.fail("throttled", f"no answer, and the meter {ANSWER_METER} stands at nothing")
        super()._check_answer()

    def _sources(self) -> tuple[Source, ...]:
        return tuple(source for _, source in sorted(self._references.values(), key=lambda entry: entry[0]))


def _is_answer(message: Message) -> bool:
    return message.message_type is None and message.content_origin not in PROGRESS_ORIGINS
