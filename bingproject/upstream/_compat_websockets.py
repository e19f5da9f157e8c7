"""websockets' client connection without its message queue, and its opening handshake without redirects."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import DATA_OPCODES
from websockets.protocol import State

LIBRARY, CHECKED_VERSION = "websockets", "17.4"
RECHECK = (
    "Connection.process_event is still called once for the handshake's response and once for each frame, in order",
    "self.response is still None until the handshake is over, and self.close_exc set once the state is CLOSED",
    "frames still come with opcode, fin and data; the library still checks max_size and UTF-8 before",
    "connect.process_redirect is still asked before a redirect is followed, and what it returns is still raised",
)
MAX_WAITING_FRAMES = 16  # reading pauses beyond this, until a quarter is left


class MessageSocket(ClientConnection):
    """A connection that bypasses the library's queue, which costs two waits for each message.

    Each call of `receive` has its own deadline. One timer serves many calls: if it fires before the current deadline it
    is set again, which is cheaper than moving it for each message.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrived: deque[bytes] = deque()
        self._begun = bytearray()
        self._reader: asyncio.Future[None] | None = None
        self._due = self._rings_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._is_paused = False

    def process_event(self, event: Any) -> None:
        """Collect a data frame; leave handshake, pings and closing to the library."""
        if self.response is None or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and not self._begun:
            self._arrive(bytes(event.data))
        else:
            self._begun += event.data
            if event.fin:
                self._arrive(bytes(self._begun))
                self._begun.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the reader, which then raises ConnectionClosed."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    async def receive(self, due: float) -> bytes:
        """Return the next message.

        Args:
            due: The deadline, in seconds of the event loop's clock.

        Raises:
            TimeoutError: No message arrived by then.
            ConnectionClosed: No message will arrive.
        """
        self._due = due
        if due < self._rings_at:
            self._set(due)
        while not self._arrived:
            if self.state is State.CLOSED:
                raise self.close_exc
            if self.loop.time() >= due:
                raise TimeoutError
            self._reader = self.loop.create_future()
            await self._reader
        if self._is_paused and len(self._arrived) <= MAX_WAITING_FRAMES // 4:
            self._is_paused = False
            self.transport.resume_reading()
        return self._arrived.popleft()

    def _arrive(self, message: bytes) -> None:
        self._arrived.append(message)
        if len(self._arrived) > MAX_WAITING_FRAMES and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = self.loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._rings_at = math.inf
        if self.loop.time() < self._due:
            self._set(self._due)
        else:
            self._wake()


class OpenSocket(connect):
    """Follow no redirect, since a response must not decide where an account's cookies go."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the redirect as the error it is, which the library then raises."""
        return exc
