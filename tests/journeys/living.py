"""Asking the two living back ends, and whether all is at rest afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.chat_refusals import PATH, Asked, read_stream, read_whole
from tests.journeys.chats import Chats

KINDS = ["copilot", "m365"]
both = pytest.mark.parametrize("kind", KINDS)
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(chats: Chats, words: Any, past: list[dict[str, str]] | None = None, **fields: Any) -> Asked:
    """One question, whole or streamed."""
    body = {"messages": [*(past or []), {"role": "user", "content": words}], **fields}
    if not fields.get("stream"):
        return read_whole(str(words), chats.http.post(PATH, json=body))
    with chats.http.stream("POST", PATH, json=body) as answer:
        return read_stream(str(words), answer)


def said(chats: Chats) -> list[dict[str, Any]]:
    """What reached the sandbox, whichever service."""
    return chats.turns()


def at_rest(chats: Chats) -> None:
    """Nothing is held, no socket is open, and no service saw a breach of its manners."""
    chats.wait_for_rest()
    state = chats.hub.state
    chats.wait_until(lambda: not any(chat.sockets.open for chat in state.chats.values()))
