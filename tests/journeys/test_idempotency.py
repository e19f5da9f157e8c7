"""Paying once: requests that say they are the same one get the same tasks, running or ended, and Bing sees one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from creator.models import IdempotencyKey, Task
from tests.factories import make_history, make_key
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import Scene

KEY = {"Idempotency-Key": "order 7 / first!"}


def post(scene: Scene, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    """A request with the key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return scene.http.post(path, json=body, headers=KEY | named)


def test_ten_at_once_are_one(scene: Scene) -> None:
    """All get the same pictures; one of them made the task, the others were there a moment later."""
    body = {"query": "a fox sandbox:seconds=1"}
    with runner_at_work(), ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: post(scene, "/create/image", body), range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len({answer.json()["data"]["taskId"] for answer in answers}) == 1
    assert sorted("idempotent-replayed" in answer.headers for answer in answers) == [False] + [True] * 9
    assert scene.submits("a fox sandbox:seconds=1") == [1]


def test_an_ended_task_answers_again(scene: Scene) -> None:
    """The same body but for its moment; keys in another order are the same body."""
    with runner_at_work():
        first = post(scene, "/create/image", {"query": "a fox", "model": "DALLE"})
        second = post(scene, "/create/image", {"model": "DALLE", "query": "a fox"})
    assert "idempotent-replayed" not in first.headers
    assert (second.status_code, second.headers["idempotent-replayed"]) == (200, "true")
    assert first.json()["data"] == second.json()["data"]
    assert scene.submits("a fox") == [1]


def test_a_failure_answers_again(scene: Scene) -> None:
    """Nobody asks Bing twice by repeating a request."""
    with runner_at_work():
        answers = [post(scene, "/create/image", {"query": "a fox sandbox:block"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert scene.submits("a fox sandbox:block") == [1]


def test_another_body_with_the_same_key_is_refused(scene: Scene) -> None:
    """422, and nothing is made of it."""
    post(scene, "/create/image", {"query": "a fox"}, Prefer="respond-async")
    count = Task.objects.count()
    for body in ({"query": "a hen"}, {"query": "a fox", "speed": "auto"}):
        answer = post(scene, "/create/image", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_mismatch")
        assert (answer.json()["error"]["param"], answer.headers["x-should-retry"]) == ("Idempotency-Key", "false")
    assert Task.objects.count() == count


def test_a_bad_body_does_not_use_the_key_up(scene: Scene) -> None:
    """The corrected request is a first one."""
    assert post(scene, "/create/image", {"query": ""}).status_code == 400
    assert not IdempotencyKey.objects.exists()
    answer = post(scene, "/create/image", {"query": "a fox"}, Prefer="respond-async")
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (202, False)


def test_keys_belong_to_a_caller_and_a_route(scene: Scene) -> None:
    """The same words of somebody else, or elsewhere, are another key; OpenAI's prefixes are one route."""
    other = f"Bearer {make_key()[1]}"
    routes = ("/create/image", "/create/video", "/v1/images/generations", "/api/images/generations/")
    ids: list[dict[str, Any]] = []
    for path in routes:
        body = {"prompt" if "generations" in path else "query": "a fox"}
        ids.append(post(scene, path, body, Prefer="respond-async").json())
        ids.append(post(scene, path, body, Prefer="respond-async", Authorization=other).json())
    task_ids = [found.get("data", found)["taskId"] for found in ids]
    assert len(set(task_ids)) == 6
    assert task_ids[4:6] == task_ids[6:8]


@pytest.mark.parametrize("prefer", ["respond-async", "respond-async, wait=1"])
def test_a_repeat_that_will_not_wait(scene: Scene, prefer: str) -> None:
    """202 with the same task while it runs."""
    with runner_at_work():
        answers = [post(scene, "/create/image", {"query": "a fox sandbox:slow"}, Prefer=prefer) for _ in range(2)]
        scene.http.delete(answers[0].headers["location"])
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert "idempotent-replayed" in answers[1].headers


def test_a_batch_is_one_request(scene: Scene) -> None:
    """Several tasks side by side under one key: the repeat brings the same pictures in the same order."""
    make_history(model="GPT4O", seconds=0)
    body = {"prompt": "a fox", "model": "gpt-image-1", "n": 3, "response_format": "url"}
    with runner_at_work():
        answers = [post(scene, "/v1/images/generations", body) for _ in range(2)]
    assert answers[0].status_code == 200, answers[0].text
    assert len(answers[0].json()["data"]) == 3
    assert answers[0].json() == answers[1].json()
    assert scene.submits("a fox") == [3]
