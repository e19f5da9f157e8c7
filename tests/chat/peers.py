"""A server for one turn and a minimal dialect, for tests of the loop that drives every dialect's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bingproject.errors import UnexpectedResponseError, UpstreamTimeoutError
from chat import client
from chat.protocol.events import Event, Finished, Phase, TextDelta

SHORT = client.Timers(opening=2.0, handshake=0.3, waiting=0.3, answering=0.3, turn=5.0)


@dataclass
class LineDialect:
    """A minimal dialect: each frame is a delta, but `ping` is none, `go` asks for the question, `end` ends."""

    finished: bool = False
    phase: Phase = "handshake"
    progress: int = 0
    skipped: int = 0
    has_text: bool = False
    codes: list[int] = field(default_factory=list)
    text: str = ""
    _outbox: list[str] = field(default_factory=list)

    def start(self) -> list[str]:
        """Return a greeting."""
        return ["hello"]

    def to_send(self) -> list[str]:
        """Return the frames to send now."""
        sent, self._outbox = self._outbox, []
        return sent

    def stop(self) -> list[str]:
        """Return a farewell."""
        return ["stop"]

    def keepalive(self) -> list[str]:
        """Return a ping."""
        return ["ping"]

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame."""
        line = frame if isinstance(frame, str) else frame.decode()
        if line == "ping":
            return []
        self.progress += 1
        if line == "go":
            self.phase = "waiting"
            self._outbox = ["question"]
            return []
        self.phase = "answering"
        if line == "end":
            self.finished = True
            return [Finished(self.text, self.text, False)]
        self.text += line
        return [TextDelta(line)]

    def closed(self, code: int) -> list[Event]:
        """Raise: the socket closed too early."""
        self.codes.append(code)
        raise UnexpectedResponseError(detail=f"closed {code} while {self.phase}")

    def timed_out(self) -> list[Event]:
        """Raise: the server was silent for too long."""
        raise UpstreamTimeoutError(detail=f"silent while {self.phase}")


class Peer:
    """A server that runs a test's function for each socket, and notes how the socket ended."""

    def __init__(self, play: Callable[[ServerConnection], Awaitable[None]]) -> None:
        self._play = play
        self.open = 0
        self.headers: dict[str, str] = {}
        self.closed = asyncio.Event()
        self.url = ""

    async def handle(self, socket: ServerConnection) -> None:
        """Run the test's part of one socket, and note how it ended."""
        self.open += 1
        self.headers = (
            {name.lower(): value for name, value in socket.request.headers.raw_items()} if socket.request else {}
        )
        try:
            await self._play(socket)
        except ConnectionClosed:
            return
        finally:
            await socket.wait_closed()
            self.open -= 1
            self.closed.set()


@asynccontextmanager
async def peer(play: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[Peer]:
    """Run the server on a free port."""
    one = Peer(play)
    async with serve(one.handle, "127.0.0.1", 0, **options) as server:
        one.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        yield one


async def answer(socket: ServerConnection) -> None:
    """Greet, wait for the question, and answer in two pieces."""
    assert await socket.recv() == "hello"
    await socket.send("go")
    assert await socket.recv() == "question"
    for line in ("one ", "two", "end"):
        await socket.send(line)


async def run_turn(url: str, dialect: LineDialect, timers: client.Timers = SHORT, **fields: Any) -> list[Event]:
    """Run a whole turn and return its events."""
    address = client.Address(url, fields.pop("headers", {}), **fields)
    return [event async for event in client.stream(address, dialect, timers)]
