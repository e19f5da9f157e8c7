"""Talk to the chat back ends: one loop for every dialect's socket, and the calls beside it. It parses no record."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import cache

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from bingproject.upstream._compat_websockets import MessageSocket, OpenSocket
from bingproject.upstream.http_client import USER_AGENT, NotSentError, UpstreamResponse, exchange
from chat.protocol.events import Dialect, Event
from chat.protocol.requests import SessionRequest

WRITE_SECONDS = 10.0  # docs/wire/chathub.md, section 7
CLOSE_SECONDS = 1.0
MAX_FRAME_BYTES = 32 * 1024 * 1024  # a final frame with search results exceeds the library's default, 1 MiB
KEEPALIVE_SECONDS = 15.0  # docs/wire/chathub.md, section 7
PIECE_BYTES = 64 * 1024  # of an upload, and of a refusal's body that is read
LINGER_SECONDS = 1.0  # docs/wire/copilot.md, section 6


class UpgradeRefusedError(Exception):
    """The server answered the request for a socket with an HTTP response. The dialect says what that means."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str = "") -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers
        self.body = body


@dataclass(frozen=True, slots=True)
class Timers:
    """A turn's time limits in seconds: opening the socket, silence in each of the dialect's phases, the whole turn."""

    opening: float
    handshake: float
    waiting: float
    answering: float
    turn: float
    lingering: float = LINGER_SECONDS
    greeted: float = math.inf  # opening and handshake together

    def of(self, phase: str) -> float:
        """Return the time limit of a phase."""
        if phase == "answering":
            return self.answering
        limits = {"handshake": self.handshake, "waiting": self.waiting, "lingering": self.lingering}
        return limits.get(phase, self.answering)


@dataclass(frozen=True, slots=True)
class Address:
    """A socket's address, with the headers, proxy and User-Agent of the account."""

    url: str
    headers: Mapping[str, str]
    proxy: str = ""
    user_agent: str = ""


async def call(http: httpx.AsyncClient, base_url: str, request: SessionRequest, *, seconds: float) -> UpstreamResponse:
    """Send a call beside the socket: open a conversation, upload a picture.

    Raises:
        NotSentError: The server cannot have seen the request, which may be sent again.
        OutcomeUnknownError: The connection broke when it may have been seen.
        UnexpectedResponseError: The response is larger than any page of the service's.
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
    """Yield a picture in pieces: sent at once, it would make every other chat of the process wait."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


async def stream(address: Address, dialect: Dialect, timers: Timers) -> AsyncGenerator[Event, None]:
    """Run one turn over one socket, and yield its events. Closing the generator closes the socket.

    Raises:
        UpgradeRefusedError: The server answered with an HTTP response.
        NotSentError: The socket did not open.
        ServiceError: The dialect raised it.
    """
    clock = _Clock(dialect, timers)
    socket = await _open(address, min(timers.opening, timers.turn, timers.greeted))
    try:
        await _send(socket, dialect.start())
        clock.start()
        while not dialect.finished:
            if frames := dialect.to_send():
                await _send(socket, frames)
            try:
                frame = await socket.receive(clock.due)
            except TimeoutError:
                if clock.is_only_ping_due():
                    await _send(socket, dialect.keepalive())
                    continue
                events = dialect.timed_out()
            except ConnectionClosed as closed:
                # RFC 6455: 1006 stands for a connection that ended without a close frame.
                events = dialect.closed(closed.rcvd.code if closed.rcvd else 1006)
            else:
                events = dialect.receive(frame)
            for event in events:
                yield event
            clock.note_progress()
    finally:
        await _close(socket, [] if dialect.finished else dialect.stop())


class _Clock:
    """When the wait for a frame ends: the first of the silence limit, the turn's limit and the next ping."""

    def __init__(self, dialect: Dialect, timers: Timers) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialect, self._timers = dialect, timers
        self._end = self._loop.time() + timers.turn
        self._greeted_by = self._loop.time() + timers.greeted

    def start(self) -> None:
        """Start the timers of an open socket."""
        self._ping_at = self._loop.time() + KEEPALIVE_SECONDS
        self._begin_silence()

    def note_progress(self) -> None:
        """Restart the silence limit after a frame, unless it was a ping, which changes neither progress nor phase."""
        if self._progress != self._dialect.progress or self._phase != self._dialect.phase:
            self._begin_silence()

    def is_only_ping_due(self) -> bool:
        """True if only the ping is due, whose timer is then restarted."""
        now = self._loop.time()
        if now >= min(self._quiet_end, self._end):
            return False
        self._ping_at = now + KEEPALIVE_SECONDS
        self._set_due()
        return True

    def _begin_silence(self) -> None:
        self._progress, self._phase = self._dialect.progress, self._dialect.phase
        self._quiet_end = self._loop.time() + self._timers.of(self._phase)
        if self._phase == "handshake":
            self._quiet_end = min(self._quiet_end, self._greeted_by)
        self._set_due()

    def _set_due(self) -> None:
        self.due = min(self._quiet_end, self._end, self._ping_at)


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return the process's one context: each costs 20 ms and half a megabyte."""
    return ssl.create_default_context()


async def _open(address: Address, seconds: float) -> MessageSocket:
    try:
        socket = await OpenSocket(
            address.url,
            additional_headers=dict(address.headers),
            user_agent_header=address.user_agent or USER_AGENT,
            proxy=address.proxy or None,
            compression=None,  # it costs 40 µs a frame and saves nothing on small ones
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,  # the dialects send pings of their own
            create_connection=MessageSocket,
            ssl=_ssl_context() if address.url.startswith("wss:") else None,
            open_timeout=seconds,
            close_timeout=CLOSE_SECONDS,
        )
    except InvalidStatus as refusal:
        headers = {name.lower(): value for name, value in refusal.response.headers.raw_items()}
        # The beginning is enough to recognise a challenge or a region page.
        body = (refusal.response.body or b"")[:PIECE_BYTES].decode("utf-8", "replace")
        raise UpgradeRefusedError(refusal.response.status_code, headers, body) from refusal
    except (OSError, TimeoutError, WebSocketException) as error:
        raise NotSentError(detail=f"the socket did not open: {type(error).__name__}") from error
    assert isinstance(socket, MessageSocket)
    return socket


async def _say_and_close(socket: ClientConnection, frames: list[str]) -> None:
    await _send(socket, frames)
    await socket.close()


async def _send(socket: ClientConnection, frames: list[str]) -> None:
    """Send the frames. Ignore a closed socket: the next `receive` reports it to the dialect."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            for frame in frames:
                await socket.send(frame)
    except (ConnectionClosed, TimeoutError):
        return


async def _close(socket: ClientConnection, last_frames: list[str]) -> None:
    """Send the last frames and close the socket within about `CLOSE_SECONDS`, also if the task is being cancelled."""
    # Shielded, since a cancelled close would leave the socket open.
    closing = asyncio.ensure_future(_say_and_close(socket, last_frames))
    try:
        await asyncio.wait_for(asyncio.shield(closing), CLOSE_SECONDS + 0.5)
    except TimeoutError:
        socket.transport.abort()
