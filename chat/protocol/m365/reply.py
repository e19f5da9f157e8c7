"""One turn with Microsoft 365 Copilot: frames in, events out, records to send.

Source: docs/wire/m365.md, sections 3, 5 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bingproject.errors import ServiceError
from chat.protocol import signalr
from chat.protocol.chathub import Refusal, parse_suggestions, parse_throttling
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    ImageMade,
    Phase,
    Prompt,
    ReasoningDelta,
    Refused,
    Searching,
    Source,
    Suggestions,
    TextDelta,
    Throttling,
)
from chat.protocol.failures import SessionEndedError, parse_result
from chat.protocol.m365.grounding import parse_exhausted, parse_images, parse_queries, parse_references
from chat.protocol.m365.images import UploadedImage
from chat.protocol.m365.invocation import build_question
from chat.protocol.m365.records import Item, Message, Record, Update, parse_record
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


class Reply:
    """One turn; how it is driven stands at `chat.protocol.events.Dialect`.

    Shape: `exhausted` names the meters that stand at nothing, as far as the turn said.
    """

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
        self.finished = False
        self.phase: Phase = "handshake"
        self.progress = 0
        self.skipped = 0
        self.exhausted: tuple[str, ...] = ()
        self._question = build_question(
            thread,
            prompt,
            tone,
            turn=turn,
            request_id=request_id,
            trace_id=trace_id,
            has_search=has_search,
            images=images,
        )
        self._decoder = signalr.Decoder()
        self._outbox: list[str] = []
        self._error: ServiceError | None = None
        self._text = AnswerText()
        self._refusal = Refusal()
        self._told: set[str] = set()
        self._reasoning: dict[str, str] = {}
        self._images: set[str] = set()
        self._references: dict[str, tuple[int, Source]] = {}
        self._suggestions: tuple[str, ...] = ()
        self._throttling: Throttling | None = None

    @property
    def has_text(self) -> bool:
        """Whether some of the answer is out, after which nothing can be tried again; a picture is some of it."""
        return self._text.has_started or bool(self._images)

    def start(self) -> list[str]:
        """The handshake; the question follows when it has been acknowledged."""
        return [signalr.HANDSHAKE]

    def to_send(self) -> list[str]:
        """What to send now.

        Raises: an error that stood behind text in the same frame, so that the text goes out first.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        sent, self._outbox = self._outbox, []
        return sent

    def keepalive(self) -> list[str]:
        """A ping, once the handshake is through."""
        return [] if self.phase in ("handshake", "finished") else [signalr.PING]

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame, which may hold parts of records or many.

        Raises: AccountError or UpstreamError by docs/wire/m365.md, section 7.
        """
        events: list[Event] = []
        try:
            for raw in self._decoder.feed(frame):
                if self.finished:
                    break
                self._take(raw, events)
        except ServiceError as error:
            if not events:
                raise
            self._error = error
        return events

    def closed(self, code: int) -> list[Event]:
        """The socket is gone.

        Raises: UnexpectedResponseError upstream_interrupted, AccountThrottledError when it said so before, unless the
        turn has ended or was refused.
        """
        return self._give_up(M365.interrupted(f"socket closed with code {code} in phase {self.phase}"))

    def timed_out(self) -> list[Event]:
        """A timer ran out.

        Raises: UnexpectedResponseError when there was not even a greeting, else UpstreamTimeoutError or as `closed`.
        """
        if self.phase == "handshake":
            raise M365.unexpected("no answer to the handshake")
        return self._give_up(M365.fail("timeout", f"silence in phase {self.phase}"))

    def _give_up(self, error: ServiceError) -> list[Event]:
        if self.finished or self._refusal.is_made or self._text.is_notice:
            return self._end()
        raise error

    def _take(self, raw: bytes, events: list[Event]) -> None:
        record = parse_record(raw)
        if record is None:
            self.skipped += 1
        elif self.phase == "handshake":
            self._greet(record)
        elif record.type == signalr.PING_TYPE:
            self._outbox.append(signalr.PING)
        else:
            self.progress += 1
            self.phase = "answering"
            self._read(record, events)

    def _greet(self, record: Record) -> None:
        if record.error is not None:
            raise M365.unexpected("handshake refused", str(record.error))
        if record.type is not None:
            self.skipped += 1
            return
        self.phase = "waiting"
        # No ping here, unlike Bing's: one client blames it for streams that end at once.
        self._outbox.append(self._question)

    def _read(self, record: Record, events: list[Event]) -> None:
        if record.type == signalr.INVOCATION and record.target == "update":
            for update in record.arguments or []:
                self._update(update, events)
        elif record.type == signalr.COMPLETION and record.item is not None and _has_result(record.item):
            self._complete(record.item, events)
        elif record.type == signalr.DONE:
            self._close_stream(record, events)
        elif record.type == signalr.CLOSE:
            events += self._give_up(M365.interrupted(f"type 7: {record.error}"))
        else:
            self.skipped += 1

    def _update(self, update: Update, events: list[Event]) -> None:
        """Take whole texts first, then what is written at the end, which may be in them already."""
        self._note_throttling(update.throttling, events)
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
        self._references |= parse_references(message.references)
        self._suggestions = parse_suggestions(message) or self._suggestions
        if self._refusal.note(message):
            return
        if _is_answer(message):
            if isinstance(message.text, str) and not self._refusal.is_made:
                self._tell(self._text.update(message.text), events)
        elif message.message_type == "Progress" or message.content_origin in PROGRESS_ORIGINS:
            self._follow(message, events)
        elif message.message_type not in IDLE_TYPES:
            self.skipped += 1

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
        throttling = parse_throttling(value)
        if throttling is not None and throttling != self._throttling:
            self._throttling = throttling
            events.append(throttling)

    def _complete(self, item: Item, events: list[Event]) -> None:
        """Take the record that ends a turn, well or badly."""
        value, words = str(item.result["value"]), item.result.get("message")
        self._note_throttling(item.throttling, events)
        if value != "Success":
            raise _parse_failure(value, str(words or item.result.get("error") or ""))
        messages = [message for message in item.messages or [] if message.author == "bot"]
        answers = [message for message in messages if _is_answer(message)]
        for message in messages:
            if not _is_answer(message):
                self._hear(message, events)
        # Earlier turns may stand here too: only the last message is this turn's answer.
        for message in answers[-1:]:
            self._references |= parse_references(message.references)
            self._suggestions = parse_suggestions(message) or self._suggestions
            self._refusal.note(message)
        if not self._refusal.is_made:
            texts = [words, *(message.text for message in answers[-1:])]
            candidates = [text for text in texts if isinstance(text, str) and text.strip()]
            self._tell(self._text.settle(candidates), events)
        events += self._end()

    def _close_stream(self, record: Record, events: list[Event]) -> None:
        """The shell that closes a stream; on its own it ends a turn only when there is something to end."""
        if record.error is not None:
            events += self._give_up(M365.interrupted(f"type 3: {record.error}"))
            return
        if not self._refusal.is_made:
            self._tell(self._text.settle(()), events)
            if not (self.has_text or self._text.is_notice):
                raise M365.unexpected("the stream was closed without a word: the invocation was dropped")
        events += self._end()

    def _end(self) -> list[Event]:
        """The last events of a turn.

        Raises: AccountThrottledError when all that was said is that the account asks too often, or it said nothing and
        its meter stands at nothing; UnexpectedResponseError upstream_interrupted when nothing is called an answer.
        """
        if self.finished:
            return []
        if not self._refusal.is_made:
            self._check_answer()
        self.finished = True
        self.phase = "finished"
        events: list[Event] = []
        if self._refusal.is_made:
            events.append(Refused(self._refusal.text, self._refusal.kind, self.has_text))
        else:
            sources = tuple(source for _, source in sorted(self._references.values(), key=lambda entry: entry[0]))
            events += [Citations(sources)] if sources else []
            events += [Suggestions(self._suggestions)] if self._suggestions else []
        is_spent = self._throttling is not None and self._throttling.used >= self._throttling.limit
        retire = is_spent or self._refusal.is_final
        events.append(Finished(self._text.final, self._text.streamed, retire, self.skipped))
        return events

    def _check_answer(self) -> None:
        if self._text.is_notice:
            raise M365.fail("throttled", "the answer is a rate-limit notice")
        if self._text.is_blank and not self._images:
            if ANSWER_METER in self.exhausted:
                raise M365.fail("throttled", f"no answer, and the meter {ANSWER_METER} stands at nothing")
            raise M365.interrupted("success without an answer")


def _is_answer(message: Message) -> bool:
    return message.message_type is None and message.content_origin not in PROGRESS_ORIGINS


def _parse_failure(value: str, words: str) -> ServiceError:
    """As Bing's, but a token that ran out is the account's here and not the conversation's."""
    error = parse_result(value, words, M365)
    is_token = isinstance(error, SessionEndedError) and value == "UnauthorizedRequest"
    return M365.fail("cookie_expired", error.detail) if is_token else error


def _has_result(item: Item) -> bool:
    """Whether a final item says how it ended; one that does not is no end."""
    return isinstance(item.result, dict) and item.result.get("value") is not None
