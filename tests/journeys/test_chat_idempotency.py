"""Paying once for a chat turn: with a key it runs to its end whoever leaves, and its answer is kept encrypted."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
from django.utils import timezone

from chat.models import IdempotentAnswer, Turn, TurnState
from tests.factories import make_key
from tests.journeys.chats import PATH, PATIENCE_SECONDS, Chats, question, text_of

KEY = {"Idempotency-Key": "order 7 / first!"}


def ask(chats: Chats, words: str = "hello", *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """A question with the key."""
    return chats.http.post(PATH, json=question(words, **fields), headers=KEY | (headers or {}))


def test_five_at_once_are_one(chats: Chats) -> None:
    """All get the same answer; one was there first, the others wait for it."""
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: ask(chats, "hello sandbox:delay=0.5"), range(5)))
    assert len({text_of(answer) for answer in answers}) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted("idempotent-replayed" in answer.headers for answer in answers) == [False] + [True] * 4
    assert len(chats.turns()) == 1


def test_a_turn_goes_on_when_its_caller_leaves(chats: Chats) -> None:
    """Who comes back with the key gets its answer."""
    content = json.dumps(question("hello sandbox:gap=0.1")).encode()
    lines = (f"POST {PATH} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Idempotency-Key: k")
    head = "\r\n".join((*lines, f"Content-Length: {len(content)}", "", ""))
    with socket.create_connection((chats.site.host, chats.site.port), timeout=PATIENCE_SECONDS) as caller:
        caller.sendall(head.encode() + content)
        chats.wait_until(lambda: chats.counts()["turns"])
    answer = chats.http.post(PATH, json=question("hello sandbox:gap=0.1"), headers={"Idempotency-Key": "k"})
    assert text_of(answer).startswith("You wrote: “hello")
    assert answer.headers["idempotent-replayed"] == "true"
    assert [turn["left"] for turn in chats.turns()] == [False]
    assert Turn.objects.get().state == TurnState.FINISHED
    chats.wait_for_rest()


def test_another_body_with_the_same_key_is_refused(chats: Chats) -> None:
    """422, and nothing is asked; another caller's key is another key."""
    ask(chats)
    answer = ask(chats, "hello!")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert text_of(ask(chats, "hello!", headers={"X-API-Key": make_key()[1]})).startswith("You wrote: “hello!")
    assert len(chats.turns()) == 2


def test_a_failure_is_not_kept(chats: Chats) -> None:
    """The next request with the key tries again."""
    words = "hello sandbox:captcha=1"
    assert ask(chats, words).status_code == 503
    assert not IdempotentAnswer.objects.exists()
    chats.wait_for_rest()


def test_a_refusal_is_kept(chats: Chats) -> None:
    """It is an answer; asking again would burn another."""
    first, second = (ask(chats, "hello sandbox:disengaged") for _ in range(2))
    assert first.json() == second.json()
    assert first.json()["choices"][0]["finish_reason"] == "content_filter"
    assert len(chats.turns()) == 1


def test_the_answer_is_encrypted_and_lives_a_day(chats: Chats) -> None:
    """Nobody reads it in the database; after 24 h the key is as good as new."""
    ask(chats)
    row = IdempotentAnswer.objects.get()
    assert "hello" not in row.encrypted_answer
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "idempotent-replayed" not in ask(chats).headers
    assert len(chats.turns()) == 2


def test_a_server_that_died_is_owned_up_to(chats: Chats) -> None:
    """Nobody knows what became of that turn, so nothing is sent again: 502."""
    ask(chats)
    IdempotentAnswer.objects.update(status=None, alive_until=timezone.now() - timedelta(seconds=1))
    answer = ask(chats)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "submit_outcome_unknown")
    assert answer.headers["x-should-retry"] == "false"
    assert len(chats.turns()) == 1


def test_several_choices_are_one_answer(chats: Chats) -> None:
    """All of them are kept."""
    first, second = (ask(chats, n=2) for _ in range(2))
    assert first.json() == second.json()
    assert len(second.json()["choices"]) == 2
    assert len(chats.turns()) == 2
