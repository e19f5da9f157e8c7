"""One turn with Bing Chat: frames in, events out, records to send.

Source: docs/wire/chathub.md, sections 3, 5 and 6.
"""

from __future__ import annotations

from bingproject.errors import InvalidRequestError, ServiceError, UpstreamTimeoutError
from chat.protocol import signalr
from chat.protocol.catalogue import ModelSpec
from chat.protocol.chathub import Refusal
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    Phase,
    Prompt,
    Refused,
    Searching,
    Source,
    Sources,
    Suggestions,
    TextDelta,
    Throttling,
)
from chat.protocol.failures import SessionEndedError, interrupted, parse_result, unexpected
from chat.protocol.sydney.grounding import (
    parse_citations,
    parse_query,
    parse_results,
    parse_suggestions,
    parse_throttling,
)
from chat.protocol.sydney.images import UploadedImage
from chat.protocol.sydney.invocation import build_invocation
from chat.protocol.sydney.records import Item, Message, Record, parse_record
from chat.protocol.sydney.session import Credentials
from chat.protocol.sydney.text import AnswerText

NORMAL_CLOSURE = 1000
# A socket that closes as if all were well, without an answer, means a prompt that was too long; a short one never is.
LONG_PROMPT_CHARACTERS = 16_000
# Seen, and of no use here; all others are counted.
IDLE_TYPES = frozenset(
    {
        "ActionRequest",
        "AdsQuery",
        "ChatName",
        "ConfirmationCard",
        "Context",
        "GenerateContentQuery",
        "GeneratedCode",
        "Internal",
        "InternalActionMarker",
        "InternalLoaderMessage",
        "InternalTasksMessage",
        "InvokeAction",
        "Progress",
        "RenderCardRequest",
        "RenderContentRequest",
        "SearchQuery",
        "SemanticSerp",
        "Suggestion",
    }
)


class Reply:
    """One turn; how it is driven stands at `chat.protocol.events.Dialect`."""

    def __init__(
        self,
        credentials: Credentials,
        prompt: Prompt,
        model: ModelSpec,
        *,
        turn: int,
        request_id: str,
        trace_id: str,
        image: UploadedImage | None = None,
    ) -> None:
        self.finished = False
        self.phase: Phase = "handshake"
        self.progress = 0
        self.skipped = 0
        invocation = build_invocation(
            credentials, prompt, model, turn=turn, request_id=request_id, trace_id=trace_id, image=image
        )
        self._invocation = signalr.encode(invocation)
        self._decoder = signalr.Decoder()
        self._outbox: list[str] = []
        self._error: ServiceError | None = None
        self._text = AnswerText()
        self._refusal = Refusal()
        self._searched: set[str] = set()
        self._citations: tuple[Source, ...] = ()
        self._suggestions: tuple[str, ...] = ()
        self._throttling: Throttling | None = None
        self._is_full = False

    @property
    def has_text(self) -> bool:
        """Whether some of the answer is out, after which nothing can be tried again."""
        return self._text.has_started

    def start(self) -> list[str]:
        """The handshake; the question follows when Bing has acknowledged it."""
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

        Raises: AccountError, UpstreamError or InvalidRequestError by docs/wire/chathub.md, section 6.
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

        Raises: InvalidRequestError context_length_exceeded for a normal closure in answer to a long prompt, else
        UnexpectedResponseError upstream_interrupted, unless the turn has ended or was refused.
        """
        if self.finished or self._refusal.is_made:
            return self._end()
        is_long = len(self._invocation) >= LONG_PROMPT_CHARACTERS
        if code == NORMAL_CLOSURE and is_long and self.phase != "handshake" and not self.has_text:
            raise InvalidRequestError(
                "Bing did not take so long a text: this model's maximum context length is exceeded. Shorten it.",
                code="context_length_exceeded",
                param="messages",
            )
        raise interrupted(f"socket closed with code {code} in phase {self.phase}")

    def timed_out(self) -> list[Event]:
        """A timer ran out.

        Raises: UnexpectedResponseError when Bing did not even greet, else UpstreamTimeoutError, unless the turn has
        ended or was refused.
        """
        if self.finished or self._refusal.is_made:
            return self._end()
        if self.phase == "handshake":
            raise unexpected("no answer to the handshake")
        raise UpstreamTimeoutError(
            "Bing did not answer in time. Send the message again.",
            code="timeout",
            detail=f"silence in phase {self.phase}",
        )

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
            raise unexpected("handshake refused", str(record.error))
        if record.type is not None:
            self.skipped += 1
            return
        self.phase = "waiting"
        self._outbox += [signalr.PING, self._invocation]

    def _read(self, record: Record, events: list[Event]) -> None:
        if record.type == signalr.INVOCATION and record.target == "update":
            for update in record.arguments or []:
                if update.throttling is not None:
                    self._note_throttling(update.throttling, events)
                for message in update.messages or []:
                    self._hear(message, events)
        elif record.type == signalr.COMPLETION and record.item is not None and _has_result(record.item):
            self._complete(record.item, events)
        elif record.type == signalr.DONE:
            self._close_stream(record, events)
        elif record.type == signalr.CLOSE:
            if not self._refusal.is_made:
                raise interrupted(f"type 7: {record.error}")
            events += self._end()
        else:
            self.skipped += 1

    def _hear(self, message: Message, events: list[Event]) -> None:
        """Take one message of an update."""
        kind = message.message_type
        if message.author != "bot" or self._refusal.note(message):
            return
        if kind is None:
            self._answer(message, events, is_last=False)
        elif kind == "InternalSearchQuery":
            self._search(message, events)
        elif kind == "InternalSearchResult":
            self._find(message, events)
        elif not isinstance(kind, str) or kind not in IDLE_TYPES:
            self.skipped += 1

    def _answer(self, message: Message, events: list[Event], *, is_last: bool) -> None:
        if message.content_origin == "TurnLimiter":
            self._is_full = True
            if not self.has_text:
                raise SessionEndedError("TurnLimiter")
            return
        if message.source_attributions:
            self._citations = parse_citations(message) or self._citations
        if message.suggested_responses:
            self._suggestions = parse_suggestions(message) or self._suggestions
        if self._refusal.is_made or not isinstance(message.text, str):
            return
        take = self._text.settle if is_last else self._text.update
        delta = take(_key(message), message.text)
        if delta:
            events.append(TextDelta(delta))

    def _search(self, message: Message, events: list[Event]) -> None:
        query = parse_query(message)
        if query and self._is_new(message, query):
            events.append(Searching(query))

    def _find(self, message: Message, events: list[Event]) -> None:
        items = parse_results(message)
        if items and self._is_new(message, "results"):
            events.append(Sources(parse_query(message), items))

    def _is_new(self, message: Message, what: str) -> bool:
        """Whether this message says so for the first time: updates repeat theirs, and so does the end."""
        key = f"{_key(message)} {what}"
        is_new = key not in self._searched
        self._searched.add(key)
        return is_new

    def _note_throttling(self, value: object, events: list[Event]) -> None:
        throttling = parse_throttling(value)
        if throttling is not None and throttling != self._throttling:
            self._throttling = throttling
            events.append(throttling)

    def _complete(self, item: Item, events: list[Event]) -> None:
        """Take the record that ends a turn, well or badly."""
        value = item.result["value"]
        if value != "Success":
            raise parse_result(str(value), str(item.result.get("message") or item.result.get("error") or ""))
        messages = item.messages or []
        self._note_throttling(item.throttling, events)
        answers = [message for message in messages if message.author == "bot" and message.message_type is None]
        for message in messages:
            if message.message_type is not None:
                self._hear(message, events)
        # Earlier turns may stand here too: only the last message is this turn's answer.
        if answers and not self._refusal.note(answers[-1]):
            self._answer(answers[-1], events, is_last=True)
        events += self._end()

    def _close_stream(self, record: Record, events: list[Event]) -> None:
        """The shell that closes a stream; on its own it ends a turn only when there is something to end."""
        if record.error is not None and not self._refusal.is_made:
            raise interrupted(f"type 3: {record.error}")
        events += self._end()

    def _end(self) -> list[Event]:
        """The last events of a turn.

        Raises: UnexpectedResponseError upstream_interrupted when Bing calls nothing an answer.
        """
        if self.finished:
            return []
        if not self._refusal.is_made and self._text.is_blank:
            raise interrupted("success without an answer")
        self.finished = True
        self.phase = "finished"
        events: list[Event] = []
        if self._refusal.is_made:
            events.append(Refused(self._refusal.text, self._refusal.kind, self.has_text))
        else:
            events += [Citations(self._citations)] if self._citations else []
            events += [Suggestions(self._suggestions)] if self._suggestions else []
        is_spent = self._throttling is not None and self._throttling.used >= self._throttling.limit
        retire = self._is_full or is_spent or self._refusal.is_final
        events.append(Finished(self._text.final, self._text.streamed, retire, self.skipped))
        return events


def _has_result(item: Item) -> bool:
    """Whether a final item says how it ended; one that does not is no end."""
    return isinstance(item.result, dict) and item.result.get("value") is not None


def _key(message: Message) -> str:
    return message.message_id if isinstance(message.message_id, str) else ""
