"""One turn with either ChatHub: handshake, pings, records, and how it ends.

Source: docs/wire/chathub.md, sections 3, 5 and 6; docs/wire/m365.md, sections 3, 5 and 7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic

from bingproject.errors import ServiceError
from chat.protocol import signalr
from chat.protocol.answer_text import AnswerText
from chat.protocol.chathub.messages import TurnRefusal, parse_throttling
from chat.protocol.chathub.records import HubRecord, Item, MessageT, UpdateT
from chat.protocol.events import Citations, Event, Finished, Phase, Refused, Source, Suggestions, Throttling
from chat.protocol.failures import ErrorFactory, parse_result


class HubTurn(ABC, Generic[UpdateT, MessageT]):
    """The base of `SydneyTurn` and `M365Turn`. For its interface see `chat.protocol.events.Dialect`.

    A subclass reads updates and the record that ends the turn.

    Args:
        errors: Builds the back end's errors.
        parse: Reads one record. None for one that is no JSON object.
        opening: The frames to send when the handshake is acknowledged.
        text: Collects the answer.
    """

    def __init__(
        self,
        errors: ErrorFactory,
        parse: Callable[[bytes], HubRecord[UpdateT, MessageT] | None],
        opening: Sequence[str],
        text: AnswerText,
    ) -> None:
        self.finished = False
        self.phase: Phase = "handshake"
        self.progress = 0
        self.skipped = 0
        self._errors = errors
        self._parse = parse
        self._opening = opening
        self._decoder = signalr.Decoder(errors=errors)
        self._outbox: list[str] = []
        self._deferred_error: ServiceError | None = None
        self._text = text
        self._refusal = TurnRefusal()
        self._suggestions: tuple[str, ...] = ()
        self._throttling: Throttling | None = None

    @property
    def has_text(self) -> bool:
        """True if a part of the answer was already sent."""
        return self._text.has_started

    def start(self) -> list[str]:
        """Return the handshake. The question follows when it is acknowledged."""
        return [signalr.HANDSHAKE]

    def to_send(self) -> list[str]:
        """Return the frames to send now.

        Raises:
            ServiceError: It followed text in the same frame, and was deferred so that the text is sent first.
        """
        if self._deferred_error is not None:
            error, self._deferred_error = self._deferred_error, None
            raise error
        sent, self._outbox = self._outbox, []
        return sent

    def keepalive(self) -> list[str]:
        """Return a ping, but none before the handshake is acknowledged."""
        return [] if self.phase in ("handshake", "finished") else [signalr.PING]

    def stop(self) -> list[str]:
        """Return nothing: Bing's clients only close the socket."""
        return []

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame, which may have several records and parts of others.

        Raises:
            ServiceError: Its code is in the table "What can go wrong" of the dialect's wire page.
        """
        events: list[Event] = []
        try:
            for raw in self._decoder.feed(frame):
                if self.finished:
                    break
                self._read_record(raw, events)
        except ServiceError as error:
            # Events of records in front of the failing one must reach the caller before the error does.
            if not events:
                raise
            self._deferred_error = error
        return events

    def closed(self, code: int) -> list[Event]:
        """Handle a closed socket.

        Raises:
            UnexpectedResponseError: `upstream_interrupted`, unless the turn has ended or was refused.
        """
        return self._give_up(self._errors.interrupted(f"socket closed with code {code} in phase {self.phase}"))

    def timed_out(self) -> list[Event]:
        """Handle a timer that ran out.

        Raises:
            UnexpectedResponseError: The handshake was not acknowledged.
            UpstreamTimeoutError: In any other phase, unless the turn has ended or was refused.
        """
        if self.phase == "handshake":
            raise self._errors.unexpected("no answer to the handshake")
        return self._give_up(self._errors.build("timeout", f"silence in phase {self.phase}"))

    def _read_record(self, raw: bytes, events: list[Event]) -> None:
        record = self._parse(raw)
        if record is None:
            self.skipped += 1
        elif self.phase == "handshake":
            self._accept_handshake(record)
        elif record.type == signalr.PING_TYPE:
            # Unanswered pings end long turns early: docs/wire/m365.md, section 3.
            self._outbox.append(signalr.PING)
        else:
            # Pings are not counted: a server that only pings is silent (docs/wire/chathub.md, section 3).
            self.progress += 1
            self.phase = "answering"
            if record.type == signalr.INVOCATION and record.target == "update":
                for update in record.arguments or []:
                    self._update(update, events)
            else:
                self._read_other(record, events)

    def _accept_handshake(self, record: HubRecord[UpdateT, MessageT]) -> None:
        if record.error is not None:
            raise self._errors.unexpected("handshake refused", str(record.error))
        if record.type is not None:  # a record in front of `{}` is no acknowledgement
            self.skipped += 1
            return
        self.phase = "waiting"
        self._outbox += self._opening

    def _read_other(self, record: HubRecord[UpdateT, MessageT], events: list[Event]) -> None:
        """Read a record that is neither a ping nor an update."""
        if record.type == signalr.COMPLETION and record.item is not None:
            self._read_item(record.item, events)
        elif record.type == signalr.DONE and record.error is None:
            self._close_stream(events)
        elif record.type in (signalr.DONE, signalr.CLOSE):
            events += self._give_up(self._errors.interrupted(f"type {record.type}: {record.error}"))
        else:
            self.skipped += 1

    def _read_item(self, item: Item[MessageT], events: list[Event]) -> None:
        """Read a type 2. One without a result does not end the turn."""
        if _has_result(item):
            self._complete(item, events)
            events += self._end()
        else:
            self.skipped += 1

    @abstractmethod
    def _update(self, update: UpdateT, events: list[Event]) -> None:
        """Read one argument of an update."""

    @abstractmethod
    def _complete(self, item: Item[MessageT], events: list[Event]) -> None:
        """Read the record that ends the turn. `_end` adds the last events.

        Raises:
            ServiceError: Its result is a failure.
        """

    @abstractmethod
    def _sources(self) -> tuple[Source, ...]:
        """Return the answer's numbered sources."""

    def _close_stream(self, events: list[Event]) -> None:
        """End the turn at a type 3 that no type 2 preceded: docs/wire/chathub.md, section 5.6."""
        events += self._end()

    def _check_result(self, item: Item[MessageT]) -> None:
        """Accept "Success".

        Raises:
            ServiceError: Any other result.
        """
        value, message = str(item.result["value"]), item.result.get("message") or item.result.get("error") or ""
        if value != "Success":
            raise self._result_error(value, str(message))

    def _result_error(self, value: str, message: str) -> ServiceError:
        """Return the error that a result other than Success means."""
        return parse_result(value, message, self._errors)

    def _note_throttling(self, value: Any, events: list[Event]) -> None:
        throttling = parse_throttling(value)
        # Updates repeat the same figures.
        if throttling is not None and throttling != self._throttling:
            self._throttling = throttling
            events.append(throttling)

    def _is_decided(self) -> bool:
        """True if the outcome is known, so that a socket that breaks no longer matters."""
        return self.finished or self._refusal.is_made

    def _give_up(self, error: ServiceError) -> list[Event]:
        if self._is_decided():
            return self._end()
        raise error

    def _check_answer(self) -> None:
        """Raise an error if the turn ends in success without an answer."""
        if self._text.is_blank:
            raise self._errors.interrupted("success without an answer")

    def _is_over(self) -> bool:
        """True if the upstream conversation takes no further turn."""
        # The turn that reaches the limit still has its answer: row 13.
        is_spent = self._throttling is not None and self._throttling.used >= self._throttling.limit
        return is_spent or self._refusal.is_final

    def _end(self) -> list[Event]:
        """Return the last events of the turn.

        Raises:
            ServiceError: There is no answer: `upstream_interrupted`, or a more exact one of `_check_answer`.
        """
        if self.finished:
            return []
        # A refusal needs no answer.
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
    """True if the item says how the turn ended. One without a result does not end it."""
    return isinstance(item.result, dict) and item.result.get("value") is not None
