"""One chat socket from its upgrade to its end: reading strictly, and playing a turn's steps."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any, Protocol, cast

from bingproject.sandbox.chathub_records import ACK, PING, SEPARATOR, encode
from bingproject.sandbox.chathub_state import ChatState, Turn
from bingproject.sandbox.chathub_turns import PINGS_A_SECOND, Close, End, Fragments, Step
from bingproject.sandbox.exchange import Fault, Receive, Reply, Scope, Send

# Put into the scope by the server's protocol class; without them a cut is a close, and fragments are one frame.
TRANSPORT = "sandbox.transport"
CONNECTION = "sandbox.connection"
HANDSHAKE = {"protocol": "json", "version": 1}


class Hub(Protocol):
    """What a socket asks of the place it belongs to."""

    def start_turn(self, socket: ChatSocket, record: dict[str, Any]) -> Iterator[Step]:
        """Take a type-4 record and say what happens."""

    def end_turn(self, socket: ChatSocket, turn: Turn) -> None:
        """Take note that the turn is over."""

    def now(self) -> float:
        """The sandbox's clock."""

    def violation(self, socket: ChatSocket, kind: str, detail: str) -> None:
        """Write down what a client should not do."""


class ChatSocket:
    """A socket that was let in; `handshake` is the scenario of its handshake, if any."""

    def __init__(
        self, hub: Hub, chat: ChatState, scope: Scope, receive: Receive, send: Send,
        *, account: str, token_for: str | None, handshake: str, open_seconds: float, leave_seconds: float,
    ) -> None:  # fmt: skip
        self.hub = hub
        self.chat = chat
        self.scope = scope
        self.receive = receive
        self.send = send
        self.account = account
        self.token_for = token_for
        self.handshake = handshake
        self.open_seconds = open_seconds
        self.leave_seconds = leave_seconds
        self.turn: Turn | None = None
        self._is_shaken = False
        self._has_ended = False
        self._rest = ""
        self._playing: asyncio.Task[None] | None = None
        self._patience = asyncio.timeout(open_seconds)

    async def serve(self) -> None:
        """Live until the client goes, or is sent away."""
        sockets = self.chat.sockets
        sockets.opened += 1
        sockets.open += 1
        sockets.max_open = max(sockets.max_open, sockets.open)
        await self.send({"type": "websocket.accept"})
        try:
            if self.handshake == "handshake-cut":
                await self._cut()
            async with self._patience:
                await self._read()
        except TimeoutError:
            await self._lose_patience()
        finally:
            # Who sees that no socket is open also sees what became of its turn.
            await self._finish()
            sockets.open -= 1

    # -- reading -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                self._blame("frame", "a frame of bytes")
                text = bytes(message.get("bytes") or b"").decode(errors="replace")
            if not text.endswith(SEPARATOR):
                self._blame("record", "a frame does not end with the separator")
            *records, self._rest = (self._rest + text).split(SEPARATOR)
            for record in records:
                await self._take(record)

    async def _take(self, text: str) -> None:
        try:
            record = json.loads(text)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            self._blame("record", "a record is not a JSON object")
        elif not self._is_shaken:
            await self._shake(record)
        elif record.get("type") == 6:
            if self.turn is not None:
                self.turn.pings += 1
        elif record.get("type") == 4:
            self._start(record)
        else:
            self._blame("record", f"a record of type {record.get('type')!r}")

    async def _shake(self, record: dict[str, Any]) -> None:
        if record != HANDSHAKE:
            self._blame("handshake", "the first record is not the handshake")
            await self._say(encode({"error": "Handshake was expected."}))
        elif self.handshake == "handshake-error":
            await self._say(encode({"error": "The sandbox does not shake hands today."}))
        elif self.handshake != "handshake-silent":
            self._is_shaken = True
            await self._say(ACK + PING if self.handshake == "handshake-ping" else ACK)
        else:
            self._patience.reschedule(None)

    def _start(self, record: dict[str, Any]) -> None:
        if self._playing is not None:
            self._blame("second-turn", "a second invocation on one socket")
            return
        self._patience.reschedule(None)
        steps = self.hub.start_turn(self, record)
        self._playing = asyncio.create_task(self._play(steps))

    # -- playing -------------------------------------------------------------------------------------------------

    async def _play(self, steps: Iterator[Step]) -> None:
        # Sending to a client that has left is an OSError; the reader notices the same and ends the turn.
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
                elif not await self._end(step):
                    return
            self._note_end()

    def _note_first(self) -> None:
        if self.turn is not None and self.turn.first_at is None:
            self.turn.first_at = self.hub.now()

    def _note_end(self) -> None:
        self._has_ended = True
        if self.turn is not None:
            self.turn.ended_at = self.hub.now()
        self._patience.reschedule(asyncio.get_running_loop().time() + self.leave_seconds)

    async def _end(self, step: Close | End) -> bool:
        """End as the step says; False: the socket stays open, and it is for the client to go."""
        if step is End.SILENCE:
            return False
        while step is End.PINGS:
            await self._say(PING)
            await asyncio.sleep(1 / PINGS_A_SECOND)
        # What comes next is the sandbox's doing, so the client has not left.
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
            # A reader then sees the frames one by one.
            await asyncio.sleep(0)

    async def _cut(self) -> None:
        transport = self.scope.get(TRANSPORT)
        if transport is None:
            await self.send({"type": "websocket.close", "code": 1011})
            return
        # What was written has to leave before the line is cut.
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
            self.turn.left = not self._has_ended
            self.chat.sockets.left += self.turn.left
            self.hub.end_turn(self, self.turn)

    def _blame(self, kind: str, detail: str) -> None:
        self.hub.violation(self, kind, detail)


async def refuse(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer an upgrade by anything but 101, or by a broken line."""
    transport = scope.get(TRANSPORT)
    if reply.fault is Fault.STALL:
        await receive()
    elif reply.fault is not Fault.NONE and transport is not None:
        cast("asyncio.Transport", transport).abort()
        await receive()
    else:
        await send({**reply.start, "type": "websocket.http.response.start"})
        await send({"type": "websocket.http.response.body", "body": reply.body})
        # The server calls it an error to return before the line is closed: its first word says that it will be.
        await receive()
        await receive()
