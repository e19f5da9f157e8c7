"""A chat socket of any dialect from its upgrade to its end: play the steps of turns, and close or cut it."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

from bingproject.sandbox.chat.chat_state import ChatState, SandboxTurn
from bingproject.sandbox.chat.steps import PINGS_A_SECOND, Close, Echo, End, Fragments, Step
from bingproject.sandbox.chat.turn_words import STOPPED
from bingproject.sandbox.core.exchange import Fault, Receive, SandboxReply, Scope, Send

# The server's protocol class puts these into the scope. Without them a cut is a close, and fragments are one frame.
TRANSPORT = "sandbox.transport"
CONNECTION = "sandbox.connection"


@dataclass(frozen=True)
class SandboxSocket:
    """The ASGI side of a socket."""

    scope: Scope
    receive: Receive
    send: Send


class Hub(Protocol):
    """The interface of the chat that a socket belongs to."""

    def start_turn(self, socket: Any, record: dict[str, Any]) -> Iterator[Step]:
        """Accept a question and return its steps."""

    def end_turn(self, socket: Any, turn: SandboxTurn) -> None:
        """Record the end of the turn."""

    def now(self) -> float:
        """The sandbox's clock."""

    def violation(self, socket: Any, kind: str, detail: str) -> None:
        """Record what a client should not do."""


class LiveSocket(ABC):
    """An accepted socket; subclasses implement the dialect.

    `open_seconds` is the time within which a question must come, `leave_seconds` that within which the client must
    leave after the end.
    """

    ping = ""

    def __init__(
        self, hub: Hub, chat: ChatState, line: SandboxSocket, *, account: str, open_seconds: float, leave_seconds: float
    ) -> None:
        self.hub = hub
        self.chat = chat
        self.scope, self.receive, self.send = line.scope, line.receive, line.send
        self.account = account
        self.open_seconds = open_seconds
        self.leave_seconds = leave_seconds
        self.turn: SandboxTurn | None = None
        self.echoed = asyncio.Event()
        self._has_ended = False
        self._rest = ""
        self._playing: asyncio.Task[None] | None = None
        self._patience = asyncio.timeout(open_seconds)

    async def serve(self) -> None:
        """Serve the socket until either side closes it."""
        sockets = self.chat.sockets
        sockets.opened += 1
        sockets.open += 1
        sockets.max_open = max(sockets.max_open, sockets.open)
        await self.send({"type": "websocket.accept"})
        try:
            if await self._greet():
                async with self._patience:
                    await self._read()
        except TimeoutError:
            await self._lose_patience()
        finally:
            # The turn ends first, so that a test that sees no open socket also sees the turn's outcome.
            await self._finish()
            sockets.open -= 1

    async def _greet(self) -> bool:
        """Send the greeting; return False if the connection is cut instead."""
        return True

    @abstractmethod
    async def _hear(self, text: str) -> None:
        """Process one message of the client."""

    async def _read(self) -> None:
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                self._blame("frame", "a frame of bytes")
                text = bytes(message.get("bytes") or b"").decode(errors="replace")
            await self._hear(text)

    def _start(self, record: dict[str, Any]) -> None:
        if self._playing is not None:
            self._blame("second-turn", "a second question on one socket")
            return
        self._patience.reschedule(None)
        steps = self.hub.start_turn(self, record)
        self._playing = asyncio.create_task(self._play(steps))

    # -- playing -------------------------------------------------------------------------------------------------

    async def _play(self, steps: Iterator[Step]) -> None:
        # Sending to a client that has left raises OSError; the reader notices it too and ends the turn.
        with contextlib.suppress(OSError):
            for step in steps:
                if isinstance(step, str):
                    await self._say(step)
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, Fragments):
                    await self._say_fragments(step)
                elif step is End.SAID:
                    self._has_ended = True
                elif isinstance(step, Echo):
                    if not await self._ping_comes_back(step.seconds):
                        return
                elif not await self._end(step):
                    return
            self._note_end()

    async def _ping_comes_back(self, seconds: float) -> bool:
        """Ping and wait for the client's ping; without one, cut the connection."""
        self.echoed.clear()
        await self._say(self.ping)
        try:
            await asyncio.wait_for(self.echoed.wait(), seconds)
        except TimeoutError:
            self._blame("echo", "a ping was not echoed")
            self._has_ended = True
            await self._cut()
            return False
        return True

    def _note_first(self) -> None:
        if self.turn is not None and self.turn.first_at is None:
            self.turn.first_at = self.hub.now()

    def _note_end(self) -> None:
        self._has_ended = True
        if self.turn is not None and self.turn.ended_at is None:
            self.turn.ended_at = self.hub.now()
            self.chat.free(self.turn)
        self._patience.reschedule(asyncio.get_running_loop().time() + self.leave_seconds)

    async def _end(self, step: Close | End) -> bool:
        """End as the step says; return False if the socket stays open until the client leaves."""
        if step is End.SILENCE:
            return False
        while step is End.PINGS:
            await self._say(self.ping)
            await asyncio.sleep(1 / PINGS_A_SECOND)
        # The sandbox causes what comes next, so it does not count as the client leaving.
        self._has_ended = True
        if isinstance(step, Close):
            await self.send({"type": "websocket.close", "code": step.code})
        else:
            await self._cut()
        return True

    async def _say(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})
        self._note_first()

    async def _say_fragments(self, step: Fragments) -> None:
        connection, transport = self.scope.get(CONNECTION), self.scope.get(TRANSPORT)
        if connection is None or transport is None:
            await self._say(b"".join(step.parts).decode())
            return
        for index, part in enumerate(step.parts):
            is_last = index == len(step.parts) - 1
            if index == 0:
                connection.send_text(part, fin=is_last)
            else:
                connection.send_continuation(part, fin=is_last)
            transport.write(b"".join(connection.data_to_send()))
            self._note_first()
            # Gives the client time to read the frames one by one.
            await asyncio.sleep(0)

    async def _cut(self) -> None:
        transport = self.scope.get(TRANSPORT)
        if transport is None:
            await self.send({"type": "websocket.close", "code": 1011})
            return
        # Written bytes must be sent before the connection is cut.
        await asyncio.sleep(0.02)
        cast("asyncio.Transport", transport).abort()

    # -- ending --------------------------------------------------------------------------------------------------

    async def _lose_patience(self) -> None:
        if self._has_ended:
            self._blame("socket-kept", f"the socket was not closed within {self.leave_seconds:g} s of the end")
        else:
            self._blame("handshake", f"no invocation came within {self.open_seconds:g} s")
        with contextlib.suppress(OSError):
            await self.send({"type": "websocket.close", "code": 1000})

    async def _finish(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        if self._rest:
            self._blame("record", "the socket closed within a record")
        if self.turn is not None:
            self.turn.closed_at = self.hub.now()
            self.turn.left = not self._has_ended or self.turn.outcome == STOPPED
            self.chat.sockets.left += self.turn.left
            self.hub.end_turn(self, self.turn)

    def _blame(self, kind: str, detail: str) -> None:
        self.hub.violation(self, kind, detail)


async def refuse(reply: SandboxReply, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer an upgrade with another status than 101, or break the connection."""
    transport = scope.get(TRANSPORT)
    if reply.fault is Fault.STALL:
        await receive()
    elif reply.fault is not Fault.NONE and transport is not None:
        cast("asyncio.Transport", transport).abort()
        await receive()
    else:
        await send({**reply.start, "type": "websocket.http.response.start"})
        await send({"type": "websocket.http.response.body", "body": reply.body})
        # uvicorn logs an error if the application returns before the connection is closed.
        await receive()
        await receive()
