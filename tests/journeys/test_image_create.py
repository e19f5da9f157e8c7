"""`POST /create/image` from the request to pictures that open, over the real server, runner and sandbox."""

from __future__ import annotations

import re
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts.models import Account
from creator.engine import task_waiter as watching
from creator.models import State, Task
from tests.factories import make_history, set_capability
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import COOKIE, Scene

SIZES = {
    "DALLE": {"SQUARE": (1024, 1024), "LANDSCAPE": (1792, 1024), "PORTRAIT": (1024, 1792)},
    "GPT4O": {"SQUARE": (1024, 1024), "LANDSCAPE": (1536, 1024), "PORTRAIT": (1024, 1536)},
    "MAI1": {"SQUARE": (1024, 1024), "LANDSCAPE": (1248, 832), "PORTRAIT": (832, 1248)},
}
COUNTS = {"DALLE": 4, "GPT4O": 1, "MAI1": 1}


def create(scene: Scene, query: str = "a red fox", prefer: str = "", **fields: Any) -> httpx.Response:
    """One request for pictures."""
    return scene.http.post(
        "/create/image", json={"query": query, **fields}, headers={"Prefer": prefer} if prefer else {}
    )


def sizes_of(urls: list[str]) -> set[tuple[int, int]]:
    """The sizes of pictures, each of which must open."""
    found = set()
    for url in urls:
        answer = httpx.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        with Image.open(BytesIO(answer.content)) as picture:
            picture.load()
            found.add(picture.size)
    return found


def test_a_prompt_becomes_pictures_that_open(scene: Scene) -> None:
    """The answer has the contract's keys and no others; the task, fetched afterwards, tells the same."""
    with runner_at_work():
        answer = create(scene)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (set(body), body["success"]) == ({"success", "data", "timestamp"}, True)
    data = body["data"]
    assert set(data) == {"images", "prompt", "model", "aspect", "taskId"}
    assert (data["model"], data["aspect"], uuid.UUID(data["taskId"]).version) == ("DALLE", "SQUARE", 4)
    assert len(set(data["images"])) == 4
    pattern = re.escape(scene.bing.url) + r"/th/id/[A-Za-z0-9._-]+\?pid=ImgGn"
    assert all(re.fullmatch(pattern, url) for url in data["images"])
    assert sizes_of(data["images"]) == {(1024, 1024)}
    task = scene.http.get(f"/task/{data['taskId']}").json()["data"]
    assert (task["status"], task["images"], task["kind"], task["prompt"]) == (
        "completed",
        data["images"],
        "image",
        "a red fox",
    )
    assert task["createdAt"] < task["completedAt"]
    assert scene.submits("a red fox") == [1]
    assert COOKIE not in answer.text
    scene.check_bing_unharmed()


@pytest.mark.parametrize("model", SIZES)
def test_every_model_and_aspect(scene: Scene, model: str) -> None:
    """As many pictures as the model makes, each of the size that its aspect has there; the prompt is Bing's own."""
    make_history(model=model, seconds=0)
    with runner_at_work(), ThreadPoolExecutor(3) as pool:
        answers = list(
            pool.map(lambda aspect: create(scene, f"a {aspect} fox", model=model, aspect=aspect), SIZES[model])
        )
    for aspect, answer in zip(SIZES[model], answers, strict=True):
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert (data["model"], data["aspect"], len(data["images"])) == (model, aspect, COUNTS[model])
        assert sizes_of(data["images"]) == {SIZES[model][aspect]}
        assert data["prompt"].startswith(f"a {aspect} fox")
        assert "&amp;" not in data["prompt"]
    scene.check_bing_unharmed()


def test_pictures_that_stand_twice_on_the_page_are_given_once(scene: Scene) -> None:
    """Two hosts, one picture."""
    with runner_at_work():
        images = create(scene, "a fox sandbox:duplicate-images").json()["data"]["images"]
    assert len(images) == len(set(images)) == 4


def test_speeds_choose_the_lane(scene: Scene) -> None:
    """`standard` spends no boost; `auto` and `fast` do."""
    with runner_at_work():
        for speed in ("standard", "auto", "fast"):
            assert create(scene, f"a {speed} fox", speed=speed).status_code == 200
    lanes = {generation.prompt: generation.lane for generation in scene.bing.state.generations.values()}
    assert lanes == {"a standard fox": "standard", "a auto fox": "fast", "a fast fox": "fast"}


# --- not waiting ------------------------------------------------------------------------------------------------------


def test_a_caller_who_will_not_wait_comes_back_later(scene: Scene) -> None:
    """202 at once, where the task is found, and what was honoured; one waiting read brings the pictures."""
    answer = create(scene, prefer='foo; bar="x,y", RESPOND-ASYNC')
    data = answer.json()["data"]
    assert answer.status_code == 202
    assert data == {"taskId": data["taskId"], "prompt": "a red fox"}
    assert answer.headers["location"] == f"/task/{data['taskId']}"
    assert (answer.headers["preference-applied"], answer.headers["vary"]) == ("respond-async", "Prefer")
    with runner_at_work():
        later = scene.http.get(answer.headers["location"], headers={"Prefer": "wait=20"})
    assert (later.json()["data"]["status"], later.headers["preference-applied"]) == ("completed", "wait=20")


def test_a_caller_who_waits_a_little_gets_what_there_is_then(scene: Scene) -> None:
    """The pictures when they are there in time, else 202."""
    with runner_at_work():
        quick = create(scene, "a quick fox", prefer="respond-async, wait=20")
        slow = create(scene, "a slow fox sandbox:slow", prefer="respond-async, wait=1")
        scene.http.delete(slow.headers["location"])
    assert (quick.status_code, len(quick.json()["data"]["images"])) == (200, 4)
    assert quick.headers["preference-applied"] == "wait=20"
    assert (slow.status_code, slow.headers["preference-applied"]) == (202, "wait=1, respond-async")


@pytest.mark.slow
def test_a_wait_that_is_too_long_ends_as_a_timeout(scene: Scene, settings: Settings) -> None:
    """504 names the task in the message and in the error; the task goes on, and another caller's wait ends with it."""
    settings.IMAGE_WAIT_SECONDS = 0.5
    with runner_at_work():
        answer = create(scene, "a slow fox sandbox:seconds=2")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["type"]) == (504, "timeout", "api_error")
        assert error["taskId"] in error["message"]
        assert "x-should-retry" not in answer.headers
        running = scene.http.get(f"/task/{error['taskId']}").json()["data"]
        assert (running["status"], running["completedAt"]) == ("processing", None)
        ended = scene.http.get(f"/task/{error['taskId']}", headers={"Prefer": "wait=20"}).json()["data"]
    assert (ended["status"], len(ended["images"])) == ("completed", 4)
    assert scene.submits("a slow fox sandbox:seconds=2") == [1]


@pytest.mark.slow
def test_a_caller_who_leaves_costs_nothing_and_loses_nothing(scene: Scene) -> None:
    """Nobody waits any more soon after; the task goes on to its pictures."""
    body = b'{"query": "a fox nobody waits for sandbox:seconds=3"}'
    base = httpx.URL(str(scene.http.base_url))
    head = f"POST /create/image HTTP/1.1\r\nHost: {base.host}:{base.port}\r\nContent-Type: application/json\r\n"
    with runner_at_work():
        with socket.create_connection((base.host, base.port), timeout=10) as line:
            line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            scene.wait_until(lambda: watching.task_waiter._waiting)
        scene.wait_until(lambda: not watching.task_waiter._waiting)
        assert Task.objects.unfinished().exists()
        scene.wait_until(lambda: not Task.objects.unfinished().exists())
    task = Task.objects.get(prompt__contains="nobody waits")
    assert (task.state, task.results.count()) == (State.COMPLETED, 4)


def test_a_task_cancelled_while_its_caller_waits(scene: Scene) -> None:
    """The caller hears of it at once: 409 `cancelled`."""
    with runner_at_work(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(create, scene, "a fox sandbox:never-ready")
        scene.wait_until(lambda: Task.objects.filter(state=State.POLLING).exists())
        task = Task.objects.get(state=State.POLLING)
        assert scene.http.delete(f"/task/{task.pk}").status_code == 200
        answer = waiting.result(timeout=10)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["taskId"]) == (409, "cancelled", str(task.pk))
    assert answer.headers["x-should-retry"] == "false"


# --- nobody there -----------------------------------------------------------------------------------------------------


def test_without_a_worker_the_task_is_withdrawn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 `no_worker`, and nothing is made for somebody who has left with an error; respond-async leaves it waiting."""
    monkeypatch.setattr(watching, "WORKERLESS_SECONDS", 0.2)
    answer = create(scene, "a fox")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], answer.headers["retry-after"]) == (503, "no_worker", "30")
    assert Task.objects.get(prompt="a fox").state == State.CANCELLED
    patient = create(scene, "a patient fox", prefer="respond-async, wait=10")
    assert patient.status_code == 202
    assert Task.objects.get(prompt="a patient fox").state == State.QUEUED
    assert scene.submits("a fox", "a patient fox") == [0, 0]


def test_without_an_account_nothing_is_taken_in(scene: Scene) -> None:
    """401 `cookie_not_set`, but a bad request is 400 even then."""
    Account.objects.all().delete()
    before = Task.objects.count()
    answer = create(scene)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "cookie_not_set")
    assert answer.json()["error"]["message"].startswith("Cookie _U is not set.")
    assert create(scene, model="x").status_code == 400
    assert Task.objects.count() == before


def test_accounts_that_rest_longer_than_the_caller_waits(scene: Scene, settings: Settings) -> None:
    """429 with the end of the rest, nothing taken in; a shorter rest is waited for."""
    settings.IMAGE_WAIT_SECONDS = 30
    set_capability(scene.account, "image", cooldown_until=timezone.now() + timedelta(seconds=100))
    answer = create(scene, "a fox too soon")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "throttled")
    assert 95 <= int(answer.headers["retry-after"]) <= 100
    assert not Task.objects.filter(prompt="a fox too soon").exists()
    set_capability(scene.account, "image", cooldown_until=timezone.now() + timedelta(seconds=1))
    with runner_at_work():
        assert create(scene, "a fox in a moment").status_code == 200
