"""An answer on its way to a caller: one task takes events in, the response gives lines out, and silence is filled.

The response owns the relay, the relay owns the events: whatever ends the response closes the socket with Bing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from django.http import StreamingHttpResponse

from chat.openai_format import Stream
from chat.protocol.events import SHOWN, Event, HistoryDropped, ServedBy

# No proxy is to keep a line back.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Relay:
    """One streamed answer.

    Shape: `report` makes the body of the error line for a failure that comes when the status is out already.
    Units: after `quiet_seconds` without a line the caller gets one that says nothing.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        stream: Stream,
        report: Callable[[Exception], dict[str, Any]],
        *,
        quiet_seconds: float,
    ) -> None:
        self.dropped_turns = 0
        self.served_by: ServedBy | None = None
        self._stream = stream
        self._report = report
        self._quiet_seconds = quiet_seconds
        self._waiting: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._decided = asyncio.Event()
        self._failure: Exception | None = None
        self._is_over = False
        self._sent_at = 0.0
        self._task = asyncio.ensure_future(self._take_in(events))

    async def begin(self, seconds: float) -> None:
        """Wait for what decides the status: the first text, a refusal or a failure; at most so long.

        Raises: the failure, when there was one before anything was shown.
        """
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._decided.wait()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        self._decided.set()
        if self._failure is not None:
            raise self._failure

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """What goes to the caller, as it comes."""
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        self._timer = loop.call_later(self._quiet_seconds, self._fill)
        self._waiting.insert(0, self._stream.start())  # only now is it known who answers
        try:
            while True:
                if self._waiting:
                    lines, self._waiting = self._waiting, []
                    self._sent_at = loop.time()
                    yield b"".join(lines)
                elif self._is_over:
                    return
                else:
                    self._reader = loop.create_future()
                    await self._reader
        finally:
            self._timer.cancel()
            await self.aclose()

    async def aclose(self) -> None:
        """Let go of everything; returns when the socket is closed and the turn recorded."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _take_in(self, events: AsyncGenerator[Event, None]) -> None:
        ending = b""
        try:
            async with aclosing(events):
                async for event in events:
                    ending = self._add(event)
                    if ending:
                        break
            # Only now: the turn is recorded, so the caller's next request finds the conversation.
        except Exception as failure:
            if self._decided.is_set():
                ending = self._stream.error(self._report(failure))
            else:
                self._failure = failure
        finally:
            self._is_over = True
            self._decided.set()
            self._give(ending)

    def _add(self, event: Event) -> bytes:
        """Pass an event on; the closing lines when it ends the answer."""
        lines = self._stream.add(event)
        if self._stream.is_ended:
            return lines
        if not self._decided.is_set():
            if isinstance(event, HistoryDropped):
                self.dropped_turns = event.turns
            elif isinstance(event, ServedBy):
                self.served_by = event
            elif isinstance(event, SHOWN):
                self._decided.set()
        if lines:
            self._give(lines)
        return b""

    def _give(self, lines: bytes) -> None:
        if lines:
            self._waiting.append(lines)
        # A bare future: an event would cost each chunk as much as decoding it.
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _fill(self) -> None:
        """Say nothing, aloud, if nothing was said for so long; and look again."""
        loop = asyncio.get_running_loop()
        due = self._sent_at + self._quiet_seconds
        if due <= loop.time():
            due = loop.time() + self._quiet_seconds
            if not self._waiting:
                self._give(self._stream.keepalive())
        self._timer = loop.call_at(due, self._fill)


class EventStream(StreamingHttpResponse):
    """A relay's lines as a response; iterated without the base class's two layers around each chunk."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        super().__init__(relay.lines(), content_type="text/event-stream; charset=utf-8", headers=HEADERS)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._iterator  # type: ignore[no-any-return, attr-defined] # what the base class keeps of its content

    async def aclose(self) -> None:
        """Let go of what the response owns, also when nobody has begun to read it."""
        await self._relay.aclose()
