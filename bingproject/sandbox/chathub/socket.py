"""Bing Chat's socket: reads SignalR records strictly; the handshake comes first, then one question.

Where a client does what Bing's own never do, the hub answers as ASP.NET Core's does, whose protocol it speaks:
https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from bingproject.sandbox.chat.chat_state import ChatState
from bingproject.sandbox.chat.signalr_records import ACK, PING, SEPARATOR, encode
from bingproject.sandbox.chat.sockets import Hub, LiveSocket, SandboxSocket

# signalrcore without negotiation sends version 0, which ASP.NET Core accepts.
HANDSHAKES = tuple({"protocol": "json", "version": version} for version in (1, 0))
METHOD = "chat"


class ChatSocket(LiveSocket):
    """An accepted socket; `handshake` is the scenario of its handshake, if any."""

    ping = PING

    def __init__(
        self, hub: Hub, chat: ChatState, line: SandboxSocket,
        *, account: str, token_for: str | None, handshake: str, open_seconds: float, leave_seconds: float,
        ping_seconds: float = 15.0,
    ) -> None:  # fmt: skip
        super().__init__(hub, chat, line, account=account, open_seconds=open_seconds, leave_seconds=leave_seconds)
        self.token_for = token_for
        self.handshake = handshake
        self.ping_seconds = ping_seconds
        self._is_shaken = False
        self._said_at = 0.0
        self._pinging: asyncio.Task[None] | None = None

    async def _greet(self) -> bool:
        if self.handshake == "handshake-cut":
            await self._cut()
        return True

    async def _hear(self, text: str) -> None:
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
            self.echoed.set()
            if self.turn is not None:
                self.turn.pings += 1
        elif record.get("type") == 7:
            await self.send({"type": "websocket.close", "code": 1000})
        elif record.get("type") == 5 and isinstance(record.get("invocationId"), str):
            await self._cancel(record["invocationId"])
        else:
            await self._take_record(record)

    async def _take_record(self, record: dict[str, Any]) -> None:
        """Process a record after the handshake that is neither a ping, a close nor a cancel."""
        if record.get("type") == 4 and record.get("target") == METHOD:
            self._start(record)
        elif record.get("type") in (1, 4):
            await self._refuse_call(record)
        else:
            self._blame("record", f"a record of type {record.get('type')!r}")

    async def _cancel(self, invocation_id: str) -> None:
        """End a stream with a completion; one that has ended or never existed is ignored."""
        if self.turn is None or self._playing is None or self._playing.done() or self._has_ended:
            return
        if self.turn.invocation_id == invocation_id:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
            self.turn.outcome = "cancelled"
            await self._say(encode({"type": 3, "invocationId": invocation_id}))
            self._note_end()

    async def _refuse_call(self, record: dict[str, Any]) -> None:
        """Answer a call that no client of Bing's makes: an unknown method, or another invocation type."""
        target, invocation_id = record.get("target"), record.get("invocationId")
        self._blame("record", f"a call of {target!r} by type {record['type']}")
        error = f"Failed to invoke '{target}' due to an error on the server. HubException: Method does not exist."
        if target == METHOD:
            error = f"The client attempted to invoke the streaming '{target}' method with a non-streaming invocation."
        if isinstance(invocation_id, str):
            await self._say(encode({"type": 3, "invocationId": invocation_id, "error": error}))

    async def _say(self, text: str) -> None:
        self._said_at = asyncio.get_running_loop().time()
        await super()._say(text)

    async def _ping_in_silence(self) -> None:
        """Ping after each such time of silence; a ping does not count as a record of the turn."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(max(self._said_at + self.ping_seconds - loop.time(), 0.001))
                if loop.time() >= self._said_at + self.ping_seconds:
                    self._said_at = loop.time()
                    await self.send({"type": "websocket.send", "text": PING})

    async def _finish(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.gather(self._pinging, return_exceptions=True)
        await super()._finish()

    async def _shake(self, record: dict[str, Any]) -> None:
        if record not in HANDSHAKES:
            self._blame("handshake", "the first record is not the handshake")
            await self._say(encode({"error": "Handshake was expected."}))
        elif self.handshake == "handshake-error":
            await self._say(encode({"error": "The sandbox does not shake hands today."}))
        elif self.handshake != "handshake-silent":
            self._is_shaken = True
            await self._say(ACK + PING if self.handshake == "handshake-ping" else ACK)
            self._pinging = asyncio.create_task(self._ping_in_silence())
        else:
            self._patience.reschedule(None)
