"""Callers see their own only: whatever route is asked about somebody else's, there is nothing there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pytest_django import Settings

from chat.models import Turn
from creator.models import State, Task
from tests.factories import make_key, make_task, make_user
from tests.journeys.chats import PATH, Chats, question


def key_of(user_id: str) -> dict[str, str]:
    """What a caller sends as this user."""
    return {"X-API-Key": make_key(make_user(user_id))[1]}


@pytest.fixture(params=["another user", "nobody"])
def stranger(request: pytest.FixtureRequest) -> dict[str, str]:
    """Two who are not anna: another user's key, and, where the server is open, no key at all."""
    return key_of("bert") if request.param == "another user" else {}


def check_missing(answer: httpx.Response) -> None:
    """404, in the words for what never was."""
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["code"] == "not_found"
    assert "anna" not in answer.text


def test_tasks_are_their_holders(http: httpx.Client, stranger: dict[str, str]) -> None:
    """Not fetched, not waited for, not cancelled, not listed, whatever their state."""
    anna = key_of("anna")
    for state in (State.QUEUED, State.POLLING, State.COMPLETED):
        task = make_task(caller_id="user:anna", state=state, prompt="of anna")
        for headers in (stranger, stranger | {"Prefer": "wait=1"}):
            check_missing(http.get(f"/task/{task.pk}", headers=headers))
        check_missing(http.delete(f"/task/{task.pk}", headers=stranger))
        assert http.get(f"/task/{task.pk}", headers=anna).status_code == 200
        assert Task.objects.get(pk=task.pk).state == state
    assert http.get("/tasks", headers=stranger).json()["data"]["tasks"] == []
    assert len(http.get("/tasks", headers=anna).json()["data"]["tasks"]) == 3


def test_another_users_page_of_tasks_opens_nothing(http: httpx.Client, stranger: dict[str, str]) -> None:
    """A cursor is a place in a list and no key to it."""
    for _ in range(3):
        make_task(caller_id="user:anna", prompt="of anna")
    cursor = http.get("/tasks?limit=1", headers=key_of("anna")).json()["data"]["next"]
    answer = http.get("/tasks", params={"cursor": cursor}, headers=stranger)
    assert answer.json()["data"] == {"tasks": [], "next": None}


def test_conversations_are_their_holders(chats: Chats, stranger: dict[str, str]) -> None:
    """One opened by name is not asked in by anybody else, whole or as a stream."""
    anna = key_of("anna")
    token = chats.http.post("/v1/create", headers=anna).json()["conversation_id"]
    for is_stream in (False, True):
        body = question("hello", conversation_id=token, stream=is_stream)
        check_missing(chats.http.post(PATH, json=body, headers=stranger))
    assert chats.turns() == []
    assert chats.http.post(PATH, json=question("hello", conversation_id=token), headers=anna).status_code == 200


def test_histories_are_their_holders(chats: Chats, stranger: dict[str, str]) -> None:
    """Who tells the same history goes on in a conversation of their own."""
    anna = key_of("anna")
    first = chats.http.post(PATH, json=question("hello"), headers=anna).json()["choices"][0]["message"]["content"]
    past: list[dict[str, Any]] = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": first}]
    for headers, creates in ((stranger, 2), (anna, 2)):
        assert chats.http.post(PATH, json=question("again", past), headers=headers).status_code == 200
        assert chats.counts()["creates"] == creates
    assert Turn.objects.filter(conversation__caller_id="user:anna").count() == 2


def test_two_call_conversations_are_their_users(chats: Chats, settings: Settings) -> None:
    """With keys: 403 for another user's, as for another user's name; and they are no conversations of other routes."""
    settings.ACCESS = "keys"
    anna, bert = key_of("anna"), key_of("bert")
    conversation = chats.http.post("/create_conversation", json={"userId": "anna"}, headers=anna).json()
    body = {**conversation, "prompt": "hello"}
    assert chats.http.post("/chatgpt", json=body, headers=bert).status_code == 403
    token = conversation["conversationSignature"]
    check_missing(chats.http.post(PATH, json=question("hello", conversation_id=token), headers=bert))
    assert chats.turns() == []
    assert chats.http.post("/chatgpt", json=body, headers=anna).status_code == 200


def test_an_idempotency_key_is_its_holders(http: httpx.Client, chats: Chats, stranger: dict[str, str]) -> None:
    """The same key of another caller is another key: it hands out nobody else's task or answer."""
    anna, key = key_of("anna"), {"Idempotency-Key": "k", "Prefer": "respond-async"}
    theirs, mine = (http.post("/create/image", json={"query": "a fox"}, headers=who | key) for who in (anna, stranger))
    assert theirs.headers["location"] != mine.headers["location"]
    assert "idempotent-replayed" not in mine.headers
    answers = [http.post(PATH, json=question("hello"), headers=who | key) for who in (anna, stranger)]
    assert "idempotent-replayed" not in answers[1].headers
    assert len(chats.turns()) == 2
