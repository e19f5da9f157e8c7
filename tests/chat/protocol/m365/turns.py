"""Turns without a socket: a reply that is asked something, records to feed it, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bingproject.errors import ServiceError
from chat.protocol.events import Event, Prompt, TextDelta
from chat.protocol.m365 import Credentials, Reply, Thread

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "m365"
CREDENTIALS = Credentials("to+ken/=", "oid-1", "tid-1", "individual")
THREAD = Thread("c1", "s1", "0" * 32)
ACK = "{}\x1e"
Outcome = tuple[list[Event], str]


def sample(name: str) -> bytes:
    """A stream of tests/samples/m365."""
    return (SAMPLES / f"{name}.txt").read_bytes()


def reply(text: str = "hi", *, turn: int = 0, tone: str = "Magic", **options: Any) -> Reply:
    """A turn that will ask `text`."""
    return Reply(THREAD, Prompt("", (), text), tone, turn=turn, request_id="r1", trace_id="t1", **options)


def greeted(**options: Any) -> Reply:
    """A turn whose handshake is through and whose question is out."""
    turn = reply(**options)
    assert turn.receive(ACK) == []
    assert len(turn.to_send()) == 1
    return turn


def record(**fields: Any) -> str:
    """One record as the server sends it."""
    return json.dumps(fields) + "\x1e"


def update(*messages: Any, **fields: Any) -> str:
    """An update with messages."""
    return record(type=1, target="update", arguments=[{"requestId": "r1", "messages": list(messages), **fields}])


def piece(text: Any, *messages: Any) -> str:
    """An update that writes at the end of the answer."""
    return update(*messages, writeAtCursor=text, streamingMode="Delta", nonce="n")


def bot(text: Any = None, **fields: Any) -> dict[str, Any]:
    """One of the service's messages; without a type it is the answer."""
    return {"text": text, "author": "bot", "messageId": "b1", "contentOrigin": "DeepLeo", **fields}


def progress(**fields: Any) -> dict[str, Any]:
    """A message about the work on an answer."""
    return bot("Working", messageId="p1", messageType="Progress", **fields)


def success(message: Any, *messages: Any, **fields: Any) -> str:
    """The record that ends a turn well."""
    result = {"value": "Success", "message": message}
    return record(type=2, invocationId="0", item={"messages": list(messages), "result": result, **fields})


def failure(value: str, message: Any = None) -> str:
    """The record that ends a turn badly."""
    return record(type=2, item={"result": {"value": value, "message": message, "error": "e"}})


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
