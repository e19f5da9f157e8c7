"""One turn with either ChatHub, as far as both go the same way: greeting, pings, records out of frames, how it ends.

Source: docs/wire/chathub.md, sections 3, 5 and 6; docs/wire/m365.md, sections 3, 5 and 7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic

from bingproject.errors import ServiceError
from chat.protocol import signalr
from chat.protocol.answers import Answer
from chat.protocol.chathub.messages import Refusal, parse_throttling
from chat.protocol.chathub.records import Item, MessageT, Record, UpdateT
from chat.protocol.events import Citations, Event, Finished, Phase, Refused, Source, Suggestions, Throttling
from chat.protocol.failures import BackEnd, parse_result


class HubTurn(ABC, Generic[UpdateT, MessageT]):
    """What a dialect's `Reply` goes on from; how it is driven stands at `chat.protocol.events.Dialect`.

    Shape: `parse` reads one record; `opening` is sent when the handshake has been acknowledged; `text` gathers the
    answer. A dialect says what an update means and what a result does.
    """

    def __init__(
        self,
        back_end: BackEnd,
        parse: Callable[[bytes], Record[UpdateT, MessageT] | None],
        opening: Sequence[str],
        text: Answer,
    ) -> None:
        self.finished = False
        self.phase: Phase = "handshake"
        self.progress = 0
        self.skipped = 0
        self._back_end = back_end
        self._parse = parse
        self._opening = opening
        self._decoder = signalr.Decoder()
        self._outbox: list[str] = []
        self._error: ServiceError | None = None
        self._text = text
        self._refusal = Refusal()
        self._suggestions: tuple[str, ...] = ()
        self._throttling: Throttling | None = None

    @property
    def has_text(self) -> bool:
        """Whether some of the answer is out, after which nothing can be tried again."""
        return self._text.has_started

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

        Raises: AccountError, UpstreamError or InvalidRequestError by the section on failures of the dialect's page.
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

        Raises: UnexpectedResponseError upstream_interrupted, unless the turn has ended or was refused.
        """
        return self._give_up(self._back_end.interrupted(f"socket closed with code {code} in phase {self.phase}"))

    def timed_out(self) -> list[Event]:
        """A timer ran out.

        Raises: UnexpectedResponseError when there was not even a greeting, else UpstreamTimeoutError, unless the turn
        has ended or was refused.
        """
        if self.phase == "handshake":
            raise self._back_end.unexpected("no answer to the handshake")
        return self._give_up(self._back_end.fail("timeout", f"silence in phase {self.phase}"))

    def _take(self, raw: bytes, events: list[Event]) -> None:
        record = self._parse(raw)
        if record is None:
            self.skipped += 1
        elif self.phase == "handshake":
            self._greet(record)
        elif record.type == signalr.PING_TYPE:
            self._outbox.append(signalr.PING)
        else:
            self.progress += 1
            self.phase = "answering"
            if record.type == signalr.INVOCATION and record.target == "update":
                for update in record.arguments or []:
                    self._update(update, events)
            else:
                self._read(record, events)

    def _greet(self, record: Record[UpdateT, MessageT]) -> None:
        if record.error is not None:
            raise self._back_end.unexpected("handshake refused", str(record.error))
        if record.type is not None:
            self.skipped += 1
            return
        self.phase = "waiting"
        self._outbox += self._opening

    def _read(self, record: Record[UpdateT, MessageT], events: list[Event]) -> None:
        """Take a record that is neither a ping nor an update."""
        if record.type == signalr.COMPLETION and record.item is not None and _has_result(record.item):
            self._complete(record.item, events)
            events += self._end()
        elif record.type == signalr.DONE and record.error is None:
            self._close_stream(events)
        elif record.type in (signalr.DONE, signalr.CLOSE):
            events += self._give_up(self._back_end.interrupted(f"type {record.type}: {record.error}"))
        else:
            self.skipped += 1

    @abstractmethod
    def _update(self, update: UpdateT, events: list[Event]) -> None:
        """Take one argument of an update."""

    @abstractmethod
    def _complete(self, item: Item[MessageT], events: list[Event]) -> None:
        """Take the record that ends a turn, well or badly, up to the last events, which follow."""

    @abstractmethod
    def _sources(self) -> tuple[Source, ...]:
        """The answer's numbered sources."""

    def _close_stream(self, events: list[Event]) -> None:
        """Take the shell that closes a stream; on its own it ends a turn only when there is something to end."""
        events += self._end()

    def _check_result(self, item: Item[MessageT]) -> None:
        """Let a good result pass; any other is raised as what it means."""
        value, words = str(item.result["value"]), item.result.get("message") or item.result.get("error") or ""
        if value != "Success":
            raise self._failure(value, str(words))

    def _failure(self, value: str, words: str) -> ServiceError:
        """What a result that is no success means."""
        return parse_result(value, words, self._back_end)

    def _note_throttling(self, value: Any, events: list[Event]) -> None:
        throttling = parse_throttling(value)
        if throttling is not None and throttling != self._throttling:
            self._throttling = throttling
            events.append(throttling)

    def _is_decided(self) -> bool:
        """Whether it is known how the turn ends, so that nothing that breaks changes it."""
        return self.finished or self._refusal.is_made

    def _give_up(self, error: ServiceError) -> list[Event]:
        if self._is_decided():
            return self._end()
        raise error

    def _check_answer(self) -> None:
        """Raise what it means when nothing is called an answer."""
        if self._text.is_blank:
            raise self._back_end.interrupted("success without an answer")

    def _is_over(self) -> bool:
        """Whether the conversation takes no further turn."""
        is_spent = self._throttling is not None and self._throttling.used >= self._throttling.limit
        return is_spent or self._refusal.is_final

    def _end(self) -> list[Event]:
        """The last events of a turn.

        Raises: UnexpectedResponseError upstream_interrupted, or what `_check_answer` knows better, when there is no
        answer.
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
            sources = self._sources()
            events += [Citations(sources)] if sources else []
            events += [Suggestions(self._suggestions)] if self._suggestions else []
        events.append(Finished(self._text.final, self._text.streamed, self._is_over(), self.skipped))
        return events


def _has_result(item: Item[Any]) -> bool:
    """Whether a final item says how it ended; one that does not is no end."""
    return isinstance(item.result, dict) and item.result.get("value") is not None
