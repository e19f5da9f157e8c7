"""Microsoft 365's socket: SignalR as Bing Chat's, but a Metrics record comes in the same message as the question."""

from __future__ import annotations

import asyncio
from typing import Any

from bingproject.sandbox.chat.chat_state import ChatState
from bingproject.sandbox.chat.signalr_records import encode
from bingproject.sandbox.chat.sockets import Hub, SandboxSocket
from bingproject.sandbox.chat.turn_words import STOPPED
from bingproject.sandbox.chathub.socket import METHOD, ChatSocket

# Added to the invocation, so that the turn can check that the Metrics record came.
HAS_METRICS = "sandbox.has_metrics"


class M365Socket(ChatSocket):
    """An accepted socket; `query` has the fields of its address, `origin` is where its pictures are."""

    def __init__(
        self, hub: Hub, chat: ChatState, line: SandboxSocket,
        *, account: str, origin: str, query: dict[str, str], handshake: str, open_seconds: float, leave_seconds: float,
        ping_seconds: float = 15.0, is_stream_hub: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            hub, chat, line, account=account, token_for=None, handshake=handshake,
            open_seconds=open_seconds, leave_seconds=leave_seconds, ping_seconds=ping_seconds,
        )  # fmt: skip
        self.origin = origin
        self.query = query
        self.is_stream_hub = is_stream_hub
        self._asked: dict[str, Any] | None = None

    async def _hear(self, text: str) -> None:
        await super()._hear(text)
        # Not before the whole message was read: the Metrics record may come after the question.
        asked, self._asked = self._asked, None
        if asked is not None:
            self._start(asked)

    async def _take_record(self, record: dict[str, Any]) -> None:
        if record.get("type") == 4 and record.get("target") == METHOD and self._asked is None:
            self._asked = record | {HAS_METRICS: False}
        elif record.get("type") == 1 and record.get("target") == "Metrics" and self._asked is not None:
            self._asked[HAS_METRICS] = True
        elif record.get("type") == 1 and record.get("target") == "stop":
            await self._stop(record.get("invocationId"))
        else:
            await super()._take_record(record)

    async def _stop(self, invocation_id: object) -> None:
        """End the answer and acknowledge that; the part that was sent does not stay in the conversation."""
        # A client may leave while the end of the answer is on its way.
        if self.turn is None or self._playing is None or self._has_ended:
            return
        self._playing.cancel()
        await asyncio.gather(self._playing, return_exceptions=True)
        self.turn.outcome = STOPPED
        self._note_end()
        await self._say(encode({"type": 3, "invocationId": invocation_id}))
