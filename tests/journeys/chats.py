"""Chats over the real server: questions, streams read line by line, callers who hang up, and whether all is at rest."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from accounts.models import Lease
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation, Turn
from tests.chat.turns import turns
from tests.servers import LiveServer

PATH = "/v1/chat/completions"
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Chats:
    """A caller's way to the server, and a look behind it."""

    site: LiveServer
    hub: SandboxServer
    http: httpx.Client

    def ask(self, words: str, past: list[dict[str, str]] | None = None, **fields: Any) -> httpx.Response:
        """One question after what was said before."""
        return self.http.post(PATH, json=question(words, past, **fields))

    @contextmanager
    def asked(self, path: str, body: dict[str, Any]) -> Iterator[socket.socket]:
        """A request that is sent and not waited for; leaving the block hangs up."""
        content = json.dumps(body).encode()
        lines = f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"
        head = "\r\n".join((*lines, f"Content-Length: {len(content)}", "", ""))
        with socket.create_connection((self.site.host, self.site.port), timeout=PATIENCE_SECONDS) as caller:
            caller.sendall(head.encode() + content)
            yield caller

    def counts(self) -> dict[str, Any]:
        """What the sandbox counted of the chat."""
        state = httpx.get(f"{self.hub.url}/_sandbox/state").json()
        assert state["violations"] == []
        return dict(state["chat"])

    def turns(self) -> list[dict[str, Any]]:
        """The turns that reached the sandbox."""
        return turns(self.hub)

    def is_at_rest(self) -> bool:
        """No socket is open, no account leased, no conversation held."""
        held = Lease.objects.exists() or Conversation.objects.exclude(claim="").exists()
        counted = self.counts()
        return not held and not counted["sockets"]["open"] and not counted["in_flight"]

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Look again and again.

        Raises: AssertionError when it does not come true.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.02)

    def wait_for_rest(self) -> None:
        """Until every turn is recorded and nothing is held any more."""
        self.wait_until(self.is_at_rest)
        assert not Turn.objects.filter(finished_at=None).exists()


def question(words: str, past: list[dict[str, str]] | None = None, **fields: Any) -> dict[str, Any]:
    """A request's body."""
    return {"model": "balanced", "messages": [*(past or []), {"role": "user", "content": words}], **fields}


def text_of(answer: httpx.Response) -> str:
    """The answer's text."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])
