"""Turns without a socket: a reply that is asked something, records to feed it, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bingproject.errors import ServiceError
from chat.protocol.catalogue import MODELS
from chat.protocol.events import Event, Prompt, TextDelta
from chat.protocol.sydney import Credentials, Reply

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "chathub"
CREDENTIALS = Credentials("51D|BingProd|AB", "914000000000001", "SIG", "ENC+/=")
ACK = "{}\x1e"
Outcome = tuple[list[Event], str]


def sample(name: str) -> bytes:
    """A stream of tests/samples/chathub."""
    return (SAMPLES / f"{name}.txt").read_bytes()


def reply(text: str = "2+2?", *, system: str = "", turn: int = 0, model: str = "precise") -> Reply:
    """A turn that has asked `text`."""
    prompt = Prompt(system, (), text)
    return Reply(CREDENTIALS, prompt, MODELS[model], turn=turn, request_id="r1", trace_id="0" * 32)


def greeted(text: str = "2+2?") -> Reply:
    """A turn whose handshake is through and whose question is out."""
    turn = reply(text)
    assert turn.receive(ACK) == []
    turn.to_send()
    return turn


def record(**fields: Any) -> str:
    """One record as the server sends it."""
    return json.dumps(fields) + "\x1e"


def update(*messages: Any, **fields: Any) -> str:
    """An update with messages."""
    return record(type=1, target="update", arguments=[{"requestId": "r1", "messages": list(messages), **fields}])


def bot(text: Any = None, message_id: Any = "b1", **fields: Any) -> dict[str, Any]:
    """One of the server's messages; without a type it is the answer."""
    return {"text": text, "author": "bot", "messageId": message_id, "contentOrigin": "DeepLeo", **fields}


def success(*messages: Any, **fields: Any) -> str:
    """The record that ends a turn well."""
    return record(type=2, item={"messages": list(messages), "result": {"value": "Success"}, **fields})


def failure(value: str, message: str = "") -> str:
    """The record that ends a turn badly."""
    return record(type=2, item={"result": {"value": value, "message": message}})


def throttling(used: Any, limit: Any = 30) -> dict[str, Any]:
    """How many turns of a conversation are used."""
    return {"numUserMessagesInConversation": used, "maxNumUserMessagesInConversation": limit}


def play(turn: Reply, frames: Iterable[str | bytes]) -> Outcome:
    """All events of some frames, and the code of the error they end in, "" when there is none."""
    events: list[Event] = []
    try:
        for frame in frames:
            events += turn.receive(frame)
            turn.to_send()
    except ServiceError as error:
        return events, error.code
    return events, ""


def texts(events: Iterable[Event]) -> list[str]:
    """The deltas among some events."""
    return [event.text for event in events if isinstance(event, TextDelta)]
