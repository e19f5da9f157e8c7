"""Tasks of several callers over the real server: each sees, lists and cancels their own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pytest_django import Settings

from creator.models import State, Task
from tests.factories import make_key, make_task
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import Scene


@pytest.fixture
def anna() -> dict[str, str]:
    """The headers of somebody with a key."""
    return {"Authorization": f"Bearer {make_key()[1]}"}


@pytest.fixture
def bert() -> dict[str, str]:
    """The headers of somebody else, who sends it the other way."""
    return {"X-API-Key": make_key()[1]}


def pages(scene: Scene, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    """The whole list, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = scene.http.get("/tasks", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()["data"]
        assert set(page) == {"tasks", "next"}
        found += page["tasks"]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


def start(scene: Scene, headers: dict[str, str], path: str, query: str) -> str:
    """A task's id, without waiting for it."""
    answer: httpx.Response = scene.http.post(path, json={"query": query}, headers=headers | {"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["taskId"])


def test_each_caller_has_a_list_of_their_own(
    scene: Scene, settings: Settings, anna: dict[str, str], bert: dict[str, str]
) -> None:
    """Newest first, of both kinds, in every state, through pages of two."""
    settings.ACCESS = "keys"
    mine = [start(scene, anna, "/create/image", f"fox {number}") for number in range(4)]
    mine.append(start(scene, anna, "/create/video", "wave"))
    mine.append(start(scene, anna, "/create/image", "fox sandbox:block"))
    theirs = start(scene, bert, "/create/image", "hen")
    with runner_at_work():
        scene.wait_until(lambda: not Task.objects.unfinished().exists())
    assert [task["id"] for task in pages(scene, anna, limit=2)] == mine[::-1]
    assert [task["id"] for task in pages(scene, bert)] == [theirs]
    assert [task["id"] for task in pages(scene, anna, kind="video")] == [mine[4]]
    assert [task["errorCode"] for task in pages(scene, anna, status="failed")] == ["blocked"]
    done = pages(scene, anna, status="completed", kind="image", limit=1)
    assert [len(task["images"]) for task in done] == [4, 4, 4, 4]
    assert pages(scene, anna, status="processing") == []
    for path in ("/tasks", f"/task/{theirs}"):
        assert scene.http.get(path).status_code == 401


def test_nobody_reads_or_cancels_what_is_not_theirs(scene: Scene, anna: dict[str, str], bert: dict[str, str]) -> None:
    """404, as if it were not there; callers without a key are one caller."""
    task_id = start(scene, anna, "/create/image", "fox")
    for headers in (bert, {}):
        for method in ("GET", "DELETE"):
            answer = scene.http.request(method, f"/task/{task_id}", headers=headers)
            assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Task not found.")
    assert Task.objects.get(pk=task_id).state == State.QUEUED
    shared = start(scene, {"Authorization": "Bearer sk-any-key-an-sdk-sends"}, "/create/image", "hen")
    assert [task["id"] for task in pages(scene, {})] == [shared]
    answer = scene.http.delete(f"/task/{task_id}/", headers=anna)
    assert (answer.status_code, answer.json()["data"]["state"]) == (200, "cancelled")


def test_a_cursor_of_somebody_else_shows_nothing_of_theirs(
    scene: Scene, anna: dict[str, str], bert: dict[str, str]
) -> None:
    """It is only a place in time."""
    for number in range(3):
        start(scene, anna, "/create/image", f"fox {number}")
    cursor = scene.http.get("/tasks?limit=1", headers=anna).json()["data"]["next"]
    assert pages(scene, bert, cursor=cursor) == []


def test_head_and_options(scene: Scene) -> None:
    """HEAD where GET is, without a body; OPTIONS names the methods."""
    task = make_task()
    for path in ("/", "/health", "/options", "/tasks", f"/task/{task.pk}"):
        answer = scene.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    answer = scene.http.options(f"/task/{task.pk}")
    assert (answer.status_code, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")
    assert scene.http.options("/create/image").headers["allow"] == "OPTIONS, POST"
