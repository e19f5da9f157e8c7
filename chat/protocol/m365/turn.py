"""One turn with Microsoft 365 Copilot: frames in, events out, records to send.

Source: docs/wire/m365.md, sections 3, 5 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bingproject.errors import ServiceError
from chat.protocol import signalr
from chat.protocol.chathub import HubTurn, parse_suggestions
from chat.protocol.events import Event, ImageMade, Prompt, ReasoningDelta, Searching, Source, TextDelta
from chat.protocol.failures import SessionEndedError
from chat.protocol.m365.credits import has_spent, seconds_to_clock_time, seconds_to_reset
from chat.protocol.m365.grounding import parse_exhausted, parse_images, parse_queries, parse_references
from chat.protocol.m365.images import M365Image
from chat.protocol.m365.invocation import build_question
from chat.protocol.m365.records import Item, M365Message, M365Update, parse_record
from chat.protocol.m365.session import M365_ERRORS, Thread
from chat.protocol.m365.text import M365AnswerText

# A message of one of these origins is no answer, also if it has no type. Most have the type Progress.
PROGRESS_ORIGINS = ("ChainOfThoughtSummary", "EarlyProgress", "ImageGeneration")
# Seen, and nothing an answer needs. Any other type is counted as skipped.
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
# Another invocation than the question's, which is "0".
STOP = signalr.encode({"type": signalr.INVOCATION, "target": "stop", "invocationId": "1", "arguments": [{}]})
# The meter of plain answers. If it is at 0, an empty answer means that the account has used its allowance.
ANSWER_METER = "LLMOnly"


class M365Turn(HubTurn[M365Update, M365Message]):
    """One turn. For its interface see `chat.protocol.events.Dialect`.

    Args:
        asked_at: When the turn begins, in the account's time zone: the service names clock times of it.

    Attributes:
        exhausted: The meters that are at 0, according to the latest record that has any.
    """

    _text: M365AnswerText

    def __init__(
        self,
        thread: Thread,
        prompt: Prompt,
        tone: str,
        *,
        turn: int,
        request_id: str,
        trace_id: str,
        asked_at: datetime,
        has_search: bool = True,
        images: Sequence[M365Image] = (),
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
        # Unlike Bing's, without a ping: one client blames it for streams that end at once (section 3).
        super().__init__(M365_ERRORS, parse_record, (question,), M365AnswerText())
        self.exhausted: tuple[str, ...] = ()
        self._asked_at = asked_at
        self._metering: Any = None  # the latest `meteringInformation`
        self._seen_queries: set[str] = set()
        self._thoughts: dict[str, str] = {}
        self._seen_images: set[str] = set()
        self._references: dict[str, tuple[int, Source]] = {}

    @property
    def has_text(self) -> bool:
        """True if a part of the answer was already sent: text or a picture."""
        return self._text.has_started or bool(self._seen_images)

    def stop(self) -> list[str]:
        """Return the record that ends the answer at the service, once the question was sent (section 3)."""
        return [STOP] if self.phase in ("waiting", "answering") else []

    def _update(self, update: M365Update, events: list[Event]) -> None:
        """Add an update's texts to the answer, and its other parts to `events`."""
        if update.throttling is not None:
            self._note_throttling(update.throttling, events)
        if update.references:
            self._references |= parse_references(update.references)
        if update.metering_information is not None:
            self._metering = update.metering_information
        messages = [message for message in update.messages or [] if message.author == "bot"]
        # Beside a typed message, a piece belongs to that message and not to the answer (section 5.4).
        is_of_answer = isinstance(update.write_at_cursor, str) and all(map(_is_answer, messages))
        piece = update.write_at_cursor if is_of_answer else ""
        for message in messages[:-1]:
            self._read_message(message, events)
        if messages:
            self._read_message(messages[-1], events, piece)
        elif piece and not self._refusal.is_made:
            self._emit(self._text.append(piece), events)

    def _read_message(self, message: M365Message, events: list[Event], piece: str = "") -> None:
        """Read one of the service's messages, and the piece of the answer beside it."""
        self._note_annotations(message)
        if self._refusal.note(message):
            return
        if _is_answer(message):
            if not self._refusal.is_made:
                self._emit(self._text.add(message.text if isinstance(message.text, str) else "", piece), events)
        elif message.message_type == "Progress" or message.content_origin in PROGRESS_ORIGINS:
            self._read_progress(message, events)
        elif message.message_type not in IDLE_TYPES:
            self.skipped += 1

    def _note_annotations(self, message: M365Message) -> None:
        """Remember sources and suggestions. Nearly every message has neither."""
        if message.references:
            self._references |= parse_references(message.references)
        if message.suggested_responses:
            self._suggestions = parse_suggestions(message) or self._suggestions

    def _read_progress(self, message: M365Message, events: list[Event]) -> None:
        """Read a message about the work on an answer: reasoning, searches, pictures."""
        if message.content_origin == "ChainOfThoughtSummary":
            self._add_reasoning(message, events)
        for query in parse_queries(message):
            if query not in self._seen_queries:
                self._seen_queries.add(query)
                events.append(Searching(query))
        for url in parse_images(message):
            if url not in self._seen_images:
                self._seen_images.add(url)
                events.append(ImageMade(url, ""))

    def _add_reasoning(self, message: M365Message, events: list[Event]) -> None:
        """Send the new part of a thought, which may be repeated and grow. Each thought is a paragraph."""
        key, text = str(message.message_id), message.text
        if not isinstance(text, str) or not text:
            return
        seen = self._thoughts.get(key, "")
        if not text.startswith(seen):  # sent reasoning cannot be recalled
            return
        tail = text[len(seen) :]
        if tail:
            is_another = not seen and self._thoughts
            events.append(ReasoningDelta(f"\n\n{tail}" if is_another else tail))
        self._thoughts[key] = text

    def _emit(self, delta: str, events: list[Event]) -> None:
        if delta:
            events.append(TextDelta(delta))

    def _note_throttling(self, value: Any, events: list[Event]) -> None:
        self.exhausted = parse_exhausted(value) or self.exhausted
        super()._note_throttling(value, events)

    def _read_item(self, item: Item, events: list[Event]) -> None:
        """Read a type 2. On StreamHub, those before the last are updates (section 5.7)."""
        part = M365Update(item.messages, item.write_at_cursor, item.references, item.throttling)
        has_part = part.write_at_cursor is not None or (item.result is None and bool(part.messages or part.throttling))
        if has_part:
            self._update(part, events)
        if not has_part or item.result is not None:
            super()._read_item(item, events)

    def _complete(self, item: Item, events: list[Event]) -> None:
        self._note_throttling(item.throttling, events)
        self._metering = item.result.get("meteringInformation", self._metering)
        self._check_result(item)
        messages = [message for message in item.messages or [] if message.author == "bot"]
        answers = [message for message in messages if _is_answer(message)]
        for message in messages:
            if not _is_answer(message):
                self._read_message(message, events)
        # The item may repeat earlier turns: only the last message is this turn's answer.
        for message in answers[-1:]:
            self._note_annotations(message)
            self._refusal.note(message)
        if not self._refusal.is_made:
            # `result.message` is the whole answer here, unlike Bing's, and on some tenants the only one (section 5.4).
            texts = [item.result.get("message"), *(message.text for message in answers[-1:])]
            candidates = [text for text in texts if isinstance(text, str) and text.strip()]
            self._emit(self._text.finish(candidates), events)

    def _close_stream(self, events: list[Event]) -> None:
        if not self._refusal.is_made:
            self._emit(self._text.finish(()), events)
            # Row 26: without type 2 and without text, the service dropped the invocation.
            if not (self.has_text or self._text.is_notice):
                raise M365_ERRORS.unexpected("the stream was closed without an answer: the invocation was dropped")
        super()._close_stream(events)

    def _result_error(self, value: str, message: str) -> ServiceError:
        """As Bing's, but an expired token is the account's here and not the conversation's (row 4)."""
        if value == "OutOfCredits":
            return self._out_of_credits(f"{value}: {message[:200]}", message)
        error = super()._result_error(value, message)
        is_token = isinstance(error, SessionEndedError) and value == "UnauthorizedRequest"
        return M365_ERRORS.build("cookie_expired", error.detail) if is_token else error

    def _is_decided(self) -> bool:
        """The rate-limit sentence decides the outcome, however the turn ends after it."""
        return super()._is_decided() or self._text.is_notice

    def _check_answer(self) -> None:
        """Accept text or a picture.

        Raises:
            AccountThrottledError: The text is the rate-limit sentence, or there is none and the meter is at 0.
            UnexpectedResponseError: `upstream_interrupted`: there is no answer.
        """
        if self._text.is_notice:
            raise self._out_of_credits("the answer is a rate-limit notice", self._text.final)
        if self._seen_images:
            return
        if self._text.is_blank and ANSWER_METER in self.exhausted:
            raise self._out_of_credits(f"no answer, and the meter {ANSWER_METER} is at 0")
        if self._text.is_blank and has_spent(self._metering):
            raise self._out_of_credits("no answer, and a meter is at 0")
        super()._check_answer()

    def _out_of_credits(self, detail: str, sentence: str = "") -> ServiceError:
        """Return the error of an account that may ask again later, with the wait that meters or sentence name."""
        wait = seconds_to_reset(self._metering, self._asked_at)
        if wait is None:
            wait = seconds_to_clock_time(sentence, self._asked_at)
        return M365_ERRORS.build("throttled", detail, retry_after=wait)

    def _sources(self) -> tuple[Source, ...]:
        return tuple(source for _, source in sorted(self._references.values(), key=lambda entry: entry[0]))


def _is_answer(message: M365Message) -> bool:
    return message.message_type is None and message.content_origin not in PROGRESS_ORIGINS
