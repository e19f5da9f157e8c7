"""Holding turns in tests as a view would, and looking at what the sandbox saw of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from django.utils import timezone

from bingproject.sandbox.server import SandboxServer
from bingproject.security.encryption import encrypt
from chat import services
from chat.models import Conversation, Turn, TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import Event, Finished, Message, Prompt


def ask(
    newest: str, history: Sequence[Message] = (), system: str = "", model: str = "balanced", **fields: Any
) -> list[Event]:
    """One turn to its end: all its events. Raises what the turn raises."""
    return asyncio.run(ask_async(newest, history, system, model, **fields))


async def ask_async(
    newest: str, history: Sequence[Message] = (), system: str = "", model: str = "balanced", **fields: Any
) -> list[Event]:
    """The same within a loop."""
    caller_id = fields.pop("caller_id", "open")
    request = services.TurnRequest(caller_id, find_model(model), Prompt(system, tuple(history), newest), **fields)
    return [event async for event in services.stream_turn(request)]


def answer_of(events: Sequence[Event]) -> str:
    """The answer as it finally stands."""
    end = events[-1]
    assert isinstance(end, Finished)
    return end.text


def said(*pairs: tuple[str, str]) -> list[Message]:
    """A history of questions and answers."""
    return [turn for question, answer in pairs for turn in (Message("user", question), Message("assistant", answer))]


def seen(hub: SandboxServer) -> dict[str, Any]:
    """What the sandbox counted of the chat, once its sockets are closed."""
    state = httpx.get(f"{hub.url}/_sandbox/state").json()
    assert state["violations"] == []
    return dict(state["chat"])


def turns(hub: SandboxServer) -> list[dict[str, Any]]:
    """The turns that reached the sandbox."""
    return list(httpx.get(f"{hub.url}/_sandbox/turns").json())


def play(hub: SandboxServer, scenario: str, **rule: Any) -> None:
    """Have the sandbox play a scenario from now on."""
    httpx.post(f"{hub.url}/_sandbox/scenario", json={"scenario": scenario, **rule}).raise_for_status()


def make_conversation(*, system: str = "", credentials: dict[str, str] | None = None, **columns: Any) -> Conversation:
    """A conversation of the open caller, not being held."""
    now = timezone.now()
    row = Conversation(**({"caller_id": "open", "model": "balanced", "created_at": now, "used_at": now} | columns))
    row.encrypted_system = encrypt(system) if system else ""
    count = row.upstream_turn_count
    if credentials:
        row.set_credentials(credentials, columns.get("opened_at", now))
    row.upstream_turn_count = count
    row.save()
    return row


def make_turn(conversation: Conversation, **columns: Any) -> Turn:
    """A finished turn."""
    now = timezone.now()
    defaults = {"index": 0, "state": TurnState.FINISHED, "prompt": "hello", "answer": "hi", "started_at": now}
    return Turn.objects.create(conversation=conversation, **(defaults | {"finished_at": now} | columns))
