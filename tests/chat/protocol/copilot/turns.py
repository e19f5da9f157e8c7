"""Turns without a socket: a reply that is asked something, and events to feed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chat.protocol.copilot import Reply
from chat.protocol.events import Prompt

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "copilot"
CONVERSATION_ID = "dRUXabcdefghijklmnop1"
CONNECTED = '{"event":"connected","requestId":"68cc","id":"0"}'
DONE = '{"event":"done","messageId":"m1","id":"7"}'


def sample(name: str) -> list[str]:
    """The frames of a turn of tests/samples/copilot."""
    return (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def reply(text: str = "hi", *, turn: int = 0, mode: str = "smart", wants_suggestions: bool = False) -> Reply:
    """A turn that will ask `text`."""
    prompt = Prompt("", (), text)
    return Reply(CONVERSATION_ID, prompt, mode, turn=turn, wants_suggestions=wants_suggestions)


def greeted(**options: Any) -> Reply:
    """A turn whose question is out."""
    turn = reply(**options)
    assert turn.receive(CONNECTED) == []
    assert len(turn.to_send()) == 3
    return turn


def event(kind: Any, **fields: Any) -> str:
    """One event as the server sends it."""
    return json.dumps({"event": kind, "messageId": "m1", **fields})


def text(piece: Any, part_id: Any = "0") -> str:
    """A piece of the answer."""
    return event("appendText", partId=part_id, text=piece)
