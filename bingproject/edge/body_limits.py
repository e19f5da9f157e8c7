"""Limit request bodies while they arrive: their size, their time, and the memory of all of them together.

Anybody may send `UNCHECKED_BYTES`. More is read only after the sender was checked, and only while there is room: a
large body waits for room without being read, so that TCP keeps it on the sender's machine.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from io import RawIOBase
from typing import Any

from bingproject.errors import ServerBusyError, ServiceError

Receive = Callable[[], Awaitable[dict[str, Any]]]

logger = logging.getLogger(__name__)

# Read of every body without a check, and not counted: the buffers of a connection hold about as much.
UNCHECKED_BYTES = 64 * 1024
# For all larger bodies together, from their first byte until they are answered.
UNDER_WAY_BYTES = 128 * 1024 * 1024
# Shorter than the 60 s after which proxies usually give up.
ROOM_SECONDS = 50.0
ROOM_RETRY_SECONDS = 10
# Above the threshold at which the allocator returns a freed block to the system (see allocator.py).
BLOCK_BYTES = 1024 * 1024
# The time without progress that a body may use up; bytes at LEAST_BYTES_PER_SECOND or faster refill it.
SILENCE_SECONDS = 20.0
LEAST_BYTES_PER_SECOND = 16 * 1024
# Read on after a refusal, so that a client which sends everything before it reads still finds the answer.
LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 2.0


class BodyTooLargeError(Exception):
    """The body is, or says that it will be, larger than allowed. The connection must be closed."""


class BodyTooSlowError(Exception):
    """The rest of the body did not arrive in time. The connection must be closed."""


class BodyRefusedError(Exception):
    """The body was not read, for the reason in `error`. The connection must be closed."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message)
        self.error = error


class ClientLeftError(Exception):
    """The client disconnected before the request was complete."""


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The largest body that a path accepts, and how much of it this sender may send.

    Attributes:
        most_bytes: The limit of the path.
        check: Returns the limit of the sender. Called once, before more than `UNCHECKED_BYTES` is read; an error that
            it raises is the answer to the request.
    """

    most_bytes: int
    check: Callable[[], Awaitable[int]]


class BodyFile(RawIOBase):
    """A body as a file that is read once, from beginning to end, and releases what was read.

    A large form then needs no second copy of its body: not to join the chunks, and not beside its files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self._blocks: deque[bytearray] = deque()
        self._at = 0

    def add(self, chunk: bytes) -> None:
        """Append a chunk."""
        self.size += len(chunk)
        # Extended in place, since thousands of small chunks in a list would fragment the heap.
        if not self._blocks or len(self._blocks[-1]) >= BLOCK_BYTES:
            self._blocks.append(bytearray())
        self._blocks[-1] += chunk

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes of the current block, or everything left if there is no size; b"" at the end."""
        if size < 0:
            if self._at:
                del self._blocks[0][: self._at]
                self._at = 0
            content = b"".join(self._blocks)
            self._blocks.clear()
            return content
        if not self._blocks:
            return b""
        block, begin = self._blocks[0], self._at
        content = bytes(memoryview(block)[begin : begin + size])
        self._at += len(content)
        if self._at >= len(block):
            self._blocks.popleft()
            self._at = 0
        return content

    def close(self) -> None:
        """Release what was not read."""
        self._blocks.clear()
        super().close()


class Bodies:
    """The bodies that one process is reading or answering."""

    def __init__(self, under_way_bytes: int = UNDER_WAY_BYTES) -> None:
        self._room_bytes = under_way_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def read(self, headers: Mapping[str, str], receive: Receive, limit: BodyLimit) -> AsyncIterator[BodyFile]:
        """Read the whole body. It takes up room until the context ends.

        Raises:
            BodyTooLargeError: Before more than the limit is kept.
            BodyTooSlowError: It did not arrive in time.
            BodyRefusedError: There was no room for it in time, or the limit's check refused it.
            ClientLeftError: The client disconnected.
        """
        body = _Body(self, receive, limit)
        try:
            content = await body.collect(headers.get("content-length", ""))
            if body.taken_bytes > content.size:  # a body without a length took the room of the largest one
                self._give_back(body.taken_bytes - content.size)
                body.taken_bytes = content.size
            yield content
        finally:
            self._give_back(body.taken_bytes)

    async def take(self, size: int) -> None:
        """Take room, or wait for it in order of arrival.

        Raises:
            ServerBusyError: There was none within ROOM_SECONDS.
        """
        if not self._waiting and size <= self._room_bytes:
            self._room_bytes -= size
            return
        future = asyncio.get_running_loop().create_future()
        entry = (size, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                self._give_back(size)
            else:
                with suppress(ValueError):  # `_hand_out` removed it in the loop turn in which it was cancelled
                    self._waiting.remove(entry)
                self._hand_out()
            if isinstance(error, TimeoutError):
                logger.warning("a large body was refused: too many are being read and answered")
                raise ServerBusyError(retry_after=ROOM_RETRY_SECONDS) from None
            raise

    def _give_back(self, size: int) -> None:
        if size:
            self._room_bytes += size
            self._hand_out()

    def _hand_out(self) -> None:
        """Give room to those who wait, in order of arrival: otherwise small bodies would always overtake large ones."""
        while self._waiting and self._waiting[0][0] <= self._room_bytes:
            size, future = self._waiting.popleft()
            if not future.done():
                self._room_bytes -= size
                future.set_result(None)


class _Body:
    """One body while it arrives."""

    def __init__(self, bodies: Bodies, receive: Receive, limit: BodyLimit) -> None:
        self._bodies = bodies
        self._receive = receive
        self._limit = limit
        self._allowed_bytes = min(UNCHECKED_BYTES, limit.most_bytes)
        self.taken_bytes = 0

    async def collect(self, announced: str) -> BodyFile:
        """Read the body to its end into memory and return it.

        Args:
            announced: The value of `Content-Length`, "" without one. A value that is not a number, or above the limit,
                is refused before anything is read.

        Raises:
            BodyTooLargeError, BodyTooSlowError, BodyRefusedError, ClientLeftError: As `Bodies.read`.
        """
        size = int(announced) if announced.isdigit() and len(announced) <= 15 else None
        if (announced and size is None) or (size or 0) > self._limit.most_bytes:
            raise BodyTooLargeError
        if size and size > self._allowed_bytes:
            await self._extend(size)
            if size > self._allowed_bytes:
                raise BodyTooLargeError
        try:
            async with asyncio.timeout(SILENCE_SECONDS) as clock:
                return await self._collect(clock)
        except TimeoutError:
            raise BodyTooSlowError from None

    async def _collect(self, clock: asyncio.Timeout) -> BodyFile:
        content = BodyFile()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            chunk = message.get("body", b"")
            size = content.size + len(chunk)
            if size > self._allowed_bytes:
                clock.reschedule(None)
                await self._extend(self._limit.most_bytes)
                if size > self._allowed_bytes:
                    raise BodyTooLargeError
                clock.reschedule(asyncio.get_running_loop().time() + SILENCE_SECONDS)
            content.add(chunk)
            if not message.get("more_body", False):
                return content
            self._win_time(clock, len(chunk))

    def _win_time(self, clock: asyncio.Timeout, size: int) -> None:
        now, deadline = asyncio.get_running_loop().time(), clock.when()
        if deadline is not None:
            clock.reschedule(min(now + SILENCE_SECONDS, deadline + size / LEAST_BYTES_PER_SECOND))

    async def _extend(self, size: int) -> None:
        """Allow more than `UNCHECKED_BYTES`: check the sender, then take room.

        Raises:
            BodyTooLargeError: The sender may not send that much.
            BodyRefusedError: The check failed, or there was no room.
        """
        if self.taken_bytes or self._allowed_bytes == self._limit.most_bytes:
            raise BodyTooLargeError
        try:
            size = min(size, self._limit.most_bytes, await self._limit.check())
            if size <= self._allowed_bytes:
                raise BodyTooLargeError
            await self._bodies.take(size)
        except ServiceError as error:
            raise BodyRefusedError(error) from error
        self.taken_bytes = size
        self._allowed_bytes = size


async def linger(receive: Receive) -> None:
    """Read and drop what still arrives: closing over unread bytes resets the connection and loses the answer."""
    count = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while count < LINGER_BYTES:
                message = await receive()
                count += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        logger.debug("a body that was refused was still arriving when its connection was closed")
