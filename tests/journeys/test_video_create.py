"""`POST /create/video`: the answer when Bing has taken or refused it, and the video that plays later."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import httpx
import pytest

from accounts.models import AccountCapability
from creator.api import views
from creator.models import State, Task
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import Scene


def create(scene: Scene, query: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    """One request for a video."""
    return scene.http.post("/create/video", json={"query": query, **fields}, headers=headers or {})


def lanes(scene: Scene) -> dict[str, Sequence[str]]:
    """The lane that Bing saw for each prompt."""
    return {generation.prompt: generation.lane for generation in scene.bing.state.generations.values()}


def test_a_prompt_becomes_a_video_that_plays(scene: Scene) -> None:
    """The id at once, without boosts being spent; the finished task has the address of an MP4."""
    with runner_at_work():
        answer = create(scene, "a wave sandbox:seconds=1")
        body = answer.json()
        assert answer.status_code == 200, answer.text
        assert (set(body), body["success"]) == ({"success", "data", "timestamp"}, True)
        task_id = body["data"].pop("taskId")
        assert (body["data"], uuid.UUID(task_id).version) == ({"prompt": "a wave sandbox:seconds=1"}, 4)
        running = scene.http.get(f"/task/{task_id}").json()["data"]
        assert (running["status"], running["state"], running["video"]) == ("processing", "polling", None)
        ended = scene.http.get(f"/task/{task_id}", headers={"Prefer": "wait=30"}).json()["data"]
    assert (ended["status"], ended["kind"], ended["images"]) == ("completed", "video", [])
    video = httpx.get(ended["video"])
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    assert video.content[4:8] == b"ftyp"
    assert lanes(scene) == {"a wave sandbox:seconds=1": "standard"}
    scene.check_bing_unharmed()


def test_a_fast_video_is_asked_for_by_name(scene: Scene) -> None:
    """It can cost the account reward points."""
    with runner_at_work():
        assert create(scene, "a fast wave", speed="fast").status_code == 200
        scene.wait_until(lambda: not Task.objects.unfinished().exists())
    assert lanes(scene) == {"a fast wave": "fast"}


def test_a_refusal_is_the_error_itself(scene: Scene) -> None:
    """422 instead of the id of a task that has failed; the row tells the same."""
    with runner_at_work():
        answer = create(scene, "a wave sandbox:block")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (422, "prompt_rejected_error", "blocked")
    task = Task.objects.get(prompt="a wave sandbox:block")
    assert (str(task.pk), task.state) == (error["taskId"], State.FAILED)


def test_what_fails_after_it_was_taken_is_a_failed_task(scene: Scene) -> None:
    """The request has its id, and so has a repeat of it; the task tells what went wrong."""
    key = {"Idempotency-Key": "one-wave"}
    with runner_at_work():
        answer = create(scene, "a wave sandbox:unsafe", key)
        assert answer.status_code == 200, answer.text
        path = f"/task/{answer.json()['data']['taskId']}"
        ended = scene.http.get(path, headers={"Prefer": "wait=30"}).json()["data"]
    assert (ended["status"], ended["errorCode"]) == ("failed", "unsafe_output")
    repeat = create(scene, "a wave sandbox:unsafe", key)
    assert (repeat.status_code, repeat.json()["data"]) == (200, answer.json()["data"])
    assert repeat.headers["idempotent-replayed"] == "true"
    assert scene.submits("a wave sandbox:unsafe") == [1]


def test_without_room_the_task_waits_in_the_queue(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id after a while all the same, and the video once there is room."""
    monkeypatch.setattr(views, "VIDEO_WAIT_SECONDS", 0.5)
    AccountCapability.objects.filter(account=scene.account, capability="video").update(limit=1)
    with runner_at_work():
        assert create(scene, "a wave sandbox:seconds=2").status_code == 200
        answer = create(scene, "another wave")
        assert answer.status_code == 200
        path = f"/task/{answer.json()['data']['taskId']}"
        assert scene.http.get(path).json()["data"]["state"] == "queued"
        assert scene.http.get(path, headers={"Prefer": "wait=30"}).json()["data"]["status"] == "completed"
        scene.wait_until(lambda: not Task.objects.unfinished().exists())


def test_a_caller_who_will_not_wait(scene: Scene) -> None:
    """202 before Bing has seen it."""
    answer = create(scene, "a wave", {"Prefer": "respond-async"})
    task_id = answer.json()["data"]["taskId"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/task/{task_id}")
    assert scene.submits("a wave") == [0]
