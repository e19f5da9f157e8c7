"""Exchanges with the chat back ends: one loop for every dialect's socket, and the calls beside it. Reads no record."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import DATA_OPCODES
from websockets.protocol import State

from bingproject.upstream import USER_AGENT, Answer, NotSentError, exchange
from chat.protocol.events import Dialect, Event
from chat.protocol.requests import HttpRequest

WRITE_SECONDS = 10.0
CLOSE_SECONDS = 1.0
MAX_FRAME_BYTES = 32 * 1024 * 1024  # a final frame with search results is far above the library's 1 MiB
KEEPALIVE_SECONDS = 15.0
PIECE_BYTES = 64 * 1024
MAX_WAITING_FRAMES = 16  # beyond it nothing more is read until these are
LINGER_SECONDS = 1.0


class UpgradeRefusedError(Exception):
    """The server answered the socket's request with a plain HTTP answer; the dialect's module says what that means."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str = "") -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers
        self.body = body


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
        if phase == "answering":
            return self.answering
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
    headers, body = dict(request.headers), request.body
    if body is not None:
        headers["Content-Length"] = str(len(body))
    return await exchange(
        http,
        request.method,
        base_url + request.path,
        headers=headers,
        content=None if body is None else _pieces(body),
        timeout_seconds=seconds,
    )


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    """A picture a little at a time: sent as one, it would have every other chat of the process wait."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


async def stream(address: Address, dialect: Dialect, timers: Timers) -> AsyncGenerator[Event, None]:
    """One turn over one socket, from opening it to closing it.

    Raises: UpgradeRefusedError, NotSentError, and what the dialect raises. Closing the generator closes the socket.
    """
    clock = _Clock(dialect, timers)
    socket = await _open(address, min(timers.opening, timers.turn))
    try:
        await _send(socket, dialect.start())
        clock.start()
        while not dialect.finished:
            if answers := dialect.to_send():
                await _send(socket, answers)
            try:
                frame = await socket.receive(clock.due)
            except TimeoutError:
                if clock.is_only_ping_due():
                    await _send(socket, dialect.keepalive())
                    continue
                events = dialect.timed_out()
            except ConnectionClosed as closed:
                events = dialect.closed(closed.rcvd.code if closed.rcvd else 1006)
            else:
                events = dialect.receive(frame)
            for event in events:
                yield event
            clock.note_progress()
    finally:
        await _close(socket)


class _Clock:
    """Until when a turn waits for a frame: silence, the whole turn, the time to our next ping, whatever ends first."""

    def __init__(self, dialect: Dialect, timers: Timers) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialect, self._timers = dialect, timers
        self._end = self._loop.time() + timers.turn

    def start(self) -> None:
        """The socket is open."""
        self._ping_at = self._loop.time() + KEEPALIVE_SECONDS
        self._begin_silence()

    def note_progress(self) -> None:
        """Frames came; silence begins anew, unless they were pings, which change neither progress nor phase."""
        if self._progress != self._dialect.progress or self._phase != self._dialect.phase:
            self._begin_silence()

    def is_only_ping_due(self) -> bool:
        """Whether what ran out is no more than the time to the next ping, which begins anew."""
        now = self._loop.time()
        if now >= min(self._quiet_end, self._end):
            return False
        self._ping_at = now + KEEPALIVE_SECONDS
        self._set_due()
        return True

    def _begin_silence(self) -> None:
        self._progress, self._phase = self._dialect.progress, self._dialect.phase
        self._quiet_end = self._loop.time() + self._timers.of(self._phase)
        self._set_due()

    def _set_due(self) -> None:
        self.due = min(self._quiet_end, self._end, self._ping_at)


class _Socket(ClientConnection):
    """A connection whose messages are read without the library's queue and its two waits for each.

    Waits for messages, each until a moment of its own. One timer serves many of them: when it rings too early it is set
    anew, instead of being moved with each message.
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
        """Take in a data frame; the handshake, pings and closing are the library's."""
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
        """Whoever waits is to learn it."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    async def receive(self, due: float) -> bytes:
        """The next message. Raises: TimeoutError when it is not here by then; ConnectionClosed when none will come."""
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


class _Opening(connect):
    """Follows no redirect: where an account's cookies go is not for an answer to say."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The refusal that it is."""
        return exc


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for the process: each costs 20 ms and half a megabyte."""
    return ssl.create_default_context()


async def _open(address: Address, seconds: float) -> _Socket:
    try:
        socket = await _Opening(
            address.url,
            additional_headers=dict(address.headers),
            user_agent_header=address.user_agent or USER_AGENT,
            proxy=address.proxy or None,
            compression=None,  # 40 µs a frame for nothing: the frames are small
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,
            create_connection=_Socket,
            ssl=_ssl_context() if address.url.startswith("wss:") else None,
            open_timeout=seconds,
            close_timeout=CLOSE_SECONDS,
        )
    except InvalidStatus as refusal:
        headers = {name.lower(): value for name, value in refusal.response.headers.raw_items()}
        body = (refusal.response.body or b"")[:PIECE_BYTES].decode("utf-8", "replace")
        raise UpgradeRefusedError(refusal.response.status_code, headers, body) from refusal
    except (OSError, TimeoutError, WebSocketException) as error:
        raise NotSentError(detail=f"the socket did not open: {type(error).__name__}") from error
    assert isinstance(socket, _Socket)
    return socket


async def _send(socket: ClientConnection, frames: list[str]) -> None:
    """A server that has gone is noticed by the next receive, which knows what it means."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            for frame in frames:
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
