"""Exchanges with the chat back ends: one loop for every dialect's socket, and the calls beside it. Reads no record."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from bingproject.upstream import USER_AGENT, Answer, NotSentError, exchange
from chat.protocol.events import Dialect, Event
from chat.protocol.requests import HttpRequest

WRITE_SECONDS = 10.0
CLOSE_SECONDS = 1.0
MAX_FRAME_BYTES = 32 * 1024 * 1024  # a final frame with search results is far above the library's 1 MiB
KEEPALIVE_SECONDS = 15.0
LINGER_SECONDS = 1.0


class UpgradeRefusedError(Exception):
    """The server answered the socket's request with a plain HTTP answer; the dialect's module says what that means."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Timers:
    """How long a turn may be quiet, in seconds, while its socket opens, by the dialect's phase, and in all."""

    opening: float
    handshake: float
    waiting: float
    answering: float
    turn: float
    lingering: float = LINGER_SECONDS

    def of(self, phase: str) -> float:
        """The time limit of a phase."""
        limits = {"handshake": self.handshake, "waiting": self.waiting, "lingering": self.lingering}
        return limits.get(phase, self.answering)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a socket leads, and as whom."""

    url: str
    headers: Mapping[str, str]
    proxy: str = ""
    user_agent: str = ""


async def call(http: httpx.AsyncClient, base_url: str, request: HttpRequest, *, seconds: float) -> Answer:
    """One call beside the socket: opening a conversation, an image upload.

    Raises: NotSentError, OutcomeUnknownError, UnexpectedResponseError.
    """
    return await exchange(
        http,
        request.method,
        base_url + request.path,
        headers=request.headers,
        content=request.body,
        timeout_seconds=seconds,
    )


async def stream(address: Address, dialect: Dialect, timers: Timers) -> AsyncGenerator[Event, None]:
    """One turn over one socket, from opening it to closing it.

    Raises: UpgradeRefusedError, NotSentError, and what the dialect raises. Closing the generator closes the socket.
    """
    end = asyncio.get_running_loop().time() + timers.turn
    socket = await _open(address, timers.opening)
    try:
        async with aclosing(_exchange(socket, dialect, timers, end)) as events:
            async for event in events:
                yield event
    finally:
        await _close(socket)


class _Opening(connect):
    """Follows no redirect: where an account's cookies go is not for an answer to say."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The refusal that it is."""
        return exc


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for the process: each costs 20 ms and half a megabyte."""
    return ssl.create_default_context()


async def _open(address: Address, seconds: float) -> ClientConnection:
    try:
        return await _Opening(
            address.url,
            additional_headers=dict(address.headers),
            user_agent_header=address.user_agent or USER_AGENT,
            proxy=address.proxy or None,
            compression=None,  # 40 µs a frame for nothing: the frames are small
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,
            ssl=_ssl_context() if address.url.startswith("wss:") else None,
            open_timeout=seconds,
            close_timeout=CLOSE_SECONDS,
        )
    except InvalidStatus as refusal:
        headers = {name.lower(): value for name, value in refusal.response.headers.raw_items()}
        raise UpgradeRefusedError(refusal.response.status_code, headers) from refusal
    except (OSError, TimeoutError, WebSocketException) as error:
        raise NotSentError(detail=f"the socket did not open: {type(error).__name__}") from error


async def _exchange(
    socket: ClientConnection, dialect: Dialect, timers: Timers, end: float
) -> AsyncGenerator[Event, None]:
    """The loop: send what the dialect wants sent, hand it what comes, keep its time."""
    loop = asyncio.get_running_loop()
    await _send(socket, [*dialect.start(), *dialect.to_send()])
    progress, quiet_end = dialect.progress, loop.time() + timers.of(dialect.phase)
    phase, ping_at = dialect.phase, loop.time() + KEEPALIVE_SECONDS
    with _Patience(socket) as patience:
        while not dialect.finished:
            try:
                frame = await patience.receive(min(quiet_end, end, ping_at))
            except TimeoutError:
                if loop.time() < min(quiet_end, end):
                    ping_at = loop.time() + KEEPALIVE_SECONDS
                    await _send(socket, dialect.keepalive())
                    continue
                events = dialect.timed_out()
            except ConnectionClosed as closed:
                events = dialect.closed(closed.rcvd.code if closed.rcvd else 1006)
            else:
                events = dialect.receive(frame)
                if answers := dialect.to_send():
                    await _send(socket, answers)
            for event in events:
                yield event
            if progress != dialect.progress or phase != dialect.phase:  # a ping changes neither
                progress, phase, quiet_end = dialect.progress, dialect.phase, loop.time() + timers.of(dialect.phase)


class _Patience:
    """Waits for frames, each until a moment of its own.

    One timer serves many frames: when it rings too early it is set anew, instead of being moved with each frame.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._due = self._rings_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[Any] | None = None
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def receive(self, due: float) -> bytes:
        """The next frame. Raises: TimeoutError when it is not here by then; what the socket raises."""
        self._due = due
        if due < self._rings_at:
            self._set(due)
        task = asyncio.current_task()
        assert task is not None
        cancelled_before = task.cancelling()
        self._waiting = task
        try:
            return await self._socket.recv(decode=False)
        except asyncio.CancelledError:
            is_over, self._is_over = self._is_over, False
            if is_over and task.uncancel() <= cancelled_before:
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._rings_at = math.inf
        if self._loop.time() < self._due:
            self._set(self._due)
        elif self._waiting is not None:
            self._is_over = True
            self._waiting.cancel()


async def _send(socket: ClientConnection, frames: list[str]) -> None:
    """A server that has gone is noticed by the next receive, which knows what it means."""
    for frame in frames:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await socket.send(frame)
        except (ConnectionClosed, TimeoutError):
            return


async def _close(socket: ClientConnection) -> None:
    """Close it, at most as long as `CLOSE_SECONDS`, also when the caller has been cancelled."""
    closing = asyncio.ensure_future(socket.close())
    try:
        await asyncio.wait_for(asyncio.shield(closing), CLOSE_SECONDS + 0.5)
    except TimeoutError:
        socket.transport.abort()
