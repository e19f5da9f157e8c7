"""Turns without a socket, and records that only this service sends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chat.protocol.events import Prompt
from chat.protocol.m365 import M365Credentials, M365Turn, Thread
from tests.chat.protocol.chathub.records import ACK, bot, record, update

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "m365"
CREDENTIALS = M365Credentials("to+ken/=", "oid-1", "tid-1", "individual")
ASKED_AT = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
THREAD = Thread("c1", "s1", "0" * 32)


def sample(name: str) -> bytes:
    """Return a stream of tests/samples/m365."""
    return (SAMPLES / f"{name}.txt").read_bytes()


def new_turn(text: str = "hi", *, turn: int = 0, tone: str = "Magic", **options: Any) -> M365Turn:
    """Return a turn that will ask `text`."""
    return M365Turn(
        THREAD, Prompt("", (), text), tone, turn=turn, request_id="r1", trace_id="t1", asked_at=ASKED_AT, **options
    )


def greeted(**options: Any) -> M365Turn:
    """Return a turn that has sent its question after the handshake."""
    turn = new_turn(**options)
    assert turn.receive(ACK) == []
    assert len(turn.to_send()) == 1
    return turn


def piece(text: Any, *messages: Any) -> str:
    """Return an update that writes at the end of the answer."""
    return update(*messages, writeAtCursor=text, streamingMode="Delta", nonce="n")


def progress(**fields: Any) -> dict[str, Any]:
    """Return a message about the work on an answer."""
    return bot("Working", "p1", messageType="Progress", **fields)


def success(message: Any, *messages: Any, **fields: Any) -> str:
    """Return the record that ends a turn; its message is the answer."""
    result = {"value": "Success", "message": message}
    return record(type=2, invocationId="0", item={"messages": list(messages), "result": result, **fields})
