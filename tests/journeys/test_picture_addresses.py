"""A picture that a caller names by its address: Bing is told the address, and nothing is fetched from here."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.journeys.chats import Chats
from tests.receivers import Webhook, serving


def asked_about(url: str) -> dict[str, Any]:
    """A question about the picture there."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "balanced", "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_an_address_in_our_own_network_is_not_asked(chats: Chats, host: str) -> None:
    """Whatever the address is, the server opens no connection to it; Bing gets it as it is."""
    with serving(Webhook()) as inside:
        url = f"http://{host}:{inside.server_port}/latest/meta-data/"
        answer = chats.http.post("/v1/chat/completions", json=asked_about(url))
        assert answer.status_code == 200, answer.text
        assert inside.seen == []
    # The sandbox names a picture by its address when no bytes come with it.
    assert hashlib.sha256(url.encode()).hexdigest()[:24] in chats.hub.state.chats["chat"].uploads


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://e.org/a.png", "//e.org/a.png"])
def test_other_kinds_of_addresses_are_refused(chats: Chats, url: str) -> None:
    """Only http, https and data: name a picture; nothing is asked of Bing."""
    answer = chats.http.post("/v1/chat/completions", json=asked_about(url))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
    assert chats.counts()["creates"] == 0
