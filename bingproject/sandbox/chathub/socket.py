"""Bing Chat's socket: SignalR records read strictly, the handshake first, one question."""

from __future__ import annotations

import json
from typing import Any

from bingproject.sandbox.chathub_records import ACK, PING, SEPARATOR, encode
from bingproject.sandbox.chathub_state import ChatState
from bingproject.sandbox.sockets import Hub, Line, LiveSocket

HANDSHAKE = {"protocol": "json", "version": 1}


class ChatSocket(LiveSocket):
    """A socket that was let in; `handshake` is the scenario of its handshake, if any."""

    ping = PING

    def __init__(
        self, hub: Hub, chat: ChatState, line: Line,
        *, account: str, token_for: str | None, handshake: str, open_seconds: float, leave_seconds: float,
    ) -> None:  # fmt: skip
        super().__init__(hub, chat, line, account=account, open_seconds=open_seconds, leave_seconds=leave_seconds)
        self.token_for = token_for
        self.handshake = handshake
        self._is_shaken = False

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
        else:
            self._take_record(record)

    def _take_record(self, record: dict[str, Any]) -> None:
        """Take what is no ping, after the handshake."""
        if record.get("type") == 4:
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
