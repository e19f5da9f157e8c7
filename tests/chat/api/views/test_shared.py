"""What the asking routes share: an answer is produced once per Idempotency-Key, its headers say so."""

from __future__ import annotations

import httpx
import pytest

from bingproject.sandbox.server import SandboxServer
from tests.chat.api.views.asking import HELLO
from tests.chat.turns import seen, turns
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db(transaction=True)
KEY = {"Idempotency-Key": "order 7"}
BODY = {"model": "precise", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("path", ["/v1/create", "/create_conversation"])
def test_opening_is_paid_once(http: httpx.Client, hub: SandboxServer, path: str) -> None:
    """The same conversation, not two; another route's key is another key."""
    make_account()
    make_user("u1")
    body = {"userId": "u1"}
    first, second = (http.post(path, json=body, headers=KEY) for _ in range(2))
    assert first.status_code == 200
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert http.post("/v1/chat/completions", json=BODY, headers=KEY).status_code == 200
    assert seen(hub)["creates"] == 2


def test_a_replayed_answer_has_the_same_body(http: httpx.Client, hub: SandboxServer) -> None:
    """Its id and time too; keys in another order are the same body."""
    make_account()
    first = http.post("/v1/chat/completions", json={**BODY, "seed": 1}, headers=KEY)
    second = http.post("/v1/chat/completions", json={"seed": 1, **BODY}, headers=KEY)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["x-bing-ignored"] == second.headers["x-bing-ignored"] == "seed"
    assert len(turns(hub)) == 1


def test_a_replayed_answer_has_the_same_headers(http: httpx.Client, hub: SandboxServer) -> None:
    """Also what only the turn itself could know: how much of the history was lost."""
    make_account()
    past = [{"role": role, "content": role + "x" * 9000} for role in ("user", "assistant")] * 3
    body = {**BODY, "seed": 1, "messages": [*past, *HELLO]}
    first, second = (http.post("/v1/chat/completions", json=body, headers=KEY) for _ in range(2))
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["x-bing-history-dropped"] == "2"
    for name in ("x-bing-history-dropped", "x-bing-ignored", "content-type", "content-length"):
        assert first.headers[name] == second.headers[name]


def test_a_malformed_key(http: httpx.Client, hub: SandboxServer) -> None:
    """400 that names the header; so is a key with a stream."""
    make_account()
    answers = [
        http.post("/v1/chat/completions", json=BODY, headers={"Idempotency-Key": "x" * 256}),
        http.post("/v1/chat/completions", json={**BODY, "stream": True}, headers=KEY),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert turns(hub) == []
