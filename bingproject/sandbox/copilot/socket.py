"""The consumer Copilot's socket: one JSON event a frame, in the order that every source agrees on."""

from __future__ import annotations

import json
from typing import Any

from bingproject.sandbox.chat.chat_state import ChatState
from bingproject.sandbox.chat.sockets import Hub, LiveSocket, SandboxSocket
from bingproject.sandbox.copilot.turns import event

ORDER = ("setOptions", "reportLocalConsents", "send")


class CopilotSocket(LiveSocket):
    """An accepted socket; `origin` is the site it belongs to.

    An event out of order is a violation and is answered by `invalid-event`.
    """

    ping = event("pong", "0.0001")

    def __init__(
        self, hub: Hub, chat: ChatState, line: SandboxSocket,
        *, account: str, origin: str, open_seconds: float, leave_seconds: float,
    ) -> None:  # fmt: skip
        super().__init__(hub, chat, line, account=account, open_seconds=open_seconds, leave_seconds=leave_seconds)
        self.origin = origin
        self._seen: list[str] = []

    async def _greet(self) -> bool:
        await self._say(event("connected", "0", requestId="0" * 32))
        return True

    async def _hear(self, text: str) -> None:
        try:
            said: Any = json.loads(text)
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("event"), str):
            self._blame("event", "a frame is not one JSON object with an event")
            return
        kind = said["event"]
        if kind == "ping":
            if self.turn is not None:
                self.turn.pings += 1
            await self._say(event("pong", "0.0001"))
        elif kind == "stop":
            self._has_ended = True
        elif kind == "challengeResponse":
            self._blame("challenge-response", "a challenge was answered, which only a person may do")
        elif kind in ORDER:
            await self._in_order(kind, said)
        else:
            self._blame("event", f"an event {kind!r}")

    async def _in_order(self, kind: str, said: dict[str, Any]) -> None:
        expected = ORDER[min(len(self._seen), len(ORDER) - 1)]
        if kind != expected or kind in self._seen:
            what = "second-send" if kind == "send" and kind in self._seen else "order"
            self._blame(what, f"{kind} came where {expected} was expected")
            await self._say(event("error", "0.0002", errorCode="invalid-event"))
            return
        self._seen.append(kind)
        if kind == "send":
            self._start(said)
