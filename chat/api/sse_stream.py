"""Stream an answer: a task reads the events, the response sends the lines, and empty chunks fill silence.

The response owns the stream and the stream owns the events, so ending the response closes the socket to the back end.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from django.http import StreamingHttpResponse

from bingproject.api.contracts import ErrorBody
from bingproject.cluster.web_shutdown import shutdown
from bingproject.errors import StoppingError, UpstreamTimeoutError
from chat.api.turn_facts import TurnFacts
from chat.openai_format import Stream
from chat.protocol.events import DECISIVE_EVENTS, Event

# Keep proxies from buffering lines.
STALLED = "The answer was given up: it was not read while it came. Ask again, and read it as it comes."
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class SseStream:
    """One streamed answer.

    Args:
        events: The events of the turn.
        stream: Encodes events as lines.
        report: Makes the body of the error line for a failure after the status was sent.
        quiet_seconds: Silence after which the caller gets an empty chunk.
        stall_seconds: After this time without reading, the caller is given up, since it holds the account's slot.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        stream: Stream,
        report: Callable[[Exception], ErrorBody],
        *,
        quiet_seconds: float,
        stall_seconds: float = math.inf,
    ) -> None:
        self.facts = TurnFacts()
        self._stream = stream
        self._report = report
        self._quiet_seconds = quiet_seconds
        self._stall_seconds = stall_seconds
        self._is_writing = False
        self._waiting: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._decided = asyncio.Event()
        self._failure: Exception | None = None
        self._is_over = False
        self._sent_at = 0.0
        self._is_left = False
        self._task = asyncio.ensure_future(self._take_in(events))
        shutdown.track(self._task)

    async def begin(self, seconds: float) -> None:
        """Wait, at most `seconds`, for the event that decides the status: the first text, a refusal or a failure.

        Raises the failure if it came before any text.
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
        """Yield the lines as they come."""
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        self._timer = loop.call_later(self._quiet_seconds, self._fill)
        self._waiting.insert(0, self._stream.start())  # the back end that answers is known only now
        try:
            while True:
                if self._waiting:
                    lines, self._waiting = self._waiting, []
                    self._sent_at = loop.time()
                    self._is_writing = True
                    yield b"".join(lines)
                    self._is_writing = False
                elif self._is_over:
                    return
                else:
                    self._reader = loop.create_future()
                    await self._reader
        finally:
            self._timer.cancel()
            await self.aclose()

    async def aclose(self) -> None:
        """Release everything; return when the socket is closed and the turn is recorded."""
        self._is_left = True
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
            # Only after the turn was recorded, so that the caller's next request finds the conversation.
        except asyncio.CancelledError:
            if self._is_left:
                raise
            ending = self._fail(StoppingError())
        except Exception as failure:
            ending = self._fail(failure)
        finally:
            self._is_over = True
            self._decided.set()
            self._give(ending)

    def _fail(self, failure: Exception) -> bytes:
        """Return the error line if the status was sent; otherwise the failure becomes the status."""
        if self._decided.is_set():
            return self._stream.error(self._report(failure))
        self._failure = failure
        return b""

    def _add(self, event: Event) -> bytes:
        """Add the lines of an event; return the closing lines if it ends the answer."""
        lines = self._stream.add(event)
        if self._stream.is_ended:
            return lines
        if not self._decided.is_set():
            self.facts.add(event)  # while headers can still be sent
            if isinstance(event, DECISIVE_EVENTS):
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
        """Send an empty chunk after `quiet_seconds` of silence, give up a caller who takes nothing, and re-arm."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        stalled_at = self._sent_at + self._stall_seconds if self._is_writing else math.inf
        if stalled_at <= now:
            self._give_up()
            return
        due = self._sent_at + self._quiet_seconds
        if due <= now:
            due = now + self._quiet_seconds
            if not self._waiting:
                self._give(self._stream.keepalive())
        self._timer = loop.call_at(min(due, stalled_at), self._fill)

    def _give_up(self) -> None:
        """End the turn to free its slot; the caller gets an error if it ever reads on."""
        if not self._is_over:
            self._waiting.append(self._stream.error(self._report(UpstreamTimeoutError(STALLED))))
            self._is_left = True
            self._task.cancel()


class EventStream(StreamingHttpResponse):
    """A stream as a response, iterated without the base class's two layers around each chunk."""

    def __init__(self, sse: SseStream) -> None:
        self._sse = sse
        super().__init__(sse.lines(), content_type="text/event-stream; charset=utf-8", headers=HEADERS)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._iterator  # type: ignore[no-any-return, attr-defined] # what the base class keeps of its content

    async def aclose(self) -> None:
        """Release what the response owns, even if nobody began to read it."""
        await self._sse.aclose()
