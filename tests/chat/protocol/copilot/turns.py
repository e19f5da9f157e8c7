"""Turns without a socket, and events for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chat.protocol.copilot import CopilotTurn
from chat.protocol.events import Prompt

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "copilot"
CONVERSATION_ID = "dRUXabcdefghijklmnop1"
CONNECTED = '{"event":"connected","requestId":"68cc","id":"0"}'
DONE = '{"event":"done","messageId":"m1","id":"7"}'


def sample(name: str) -> list[str]:
    """Return the frames of a turn in tests/samples/copilot."""
    return (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def new_turn(text: str = "hi", *, turn: int = 0, mode: str = "smart", wants_suggestions: bool = False) -> CopilotTurn:
    """Return a turn that will ask `text`."""
    prompt = Prompt("", (), text)
    return CopilotTurn(CONVERSATION_ID, prompt, mode, turn=turn, wants_suggestions=wants_suggestions)


def greeted(**options: Any) -> CopilotTurn:
    """Return a turn that has sent its question."""
    turn = new_turn(**options)
    assert turn.receive(CONNECTED) == []
    assert len(turn.to_send()) == 3
    return turn


def event(kind: Any, **fields: Any) -> str:
    """Return one event as the server sends it."""
    return json.dumps({"event": kind, "messageId": "m1", **fields})


def text(piece: Any, part_id: Any = "0") -> str:
    """Return a piece of the answer."""
    return event("appendText", partId=part_id, text=piece)
