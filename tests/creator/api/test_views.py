"""The creator's views: statuses and exact bodies by contract, and bad input that leaves no trace."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from bingproject.errors import MESSAGES
from creator.models import FINISHED, OPEN, State, Task
from tests.creator.engine.running import reload
from tests.factories import make_account, make_key, make_runner, make_task

pytestmark = pytest.mark.django_db
URLS = ["https://th.bing.com/th/id/OIG1.a?pid=ImgGn", "https://th.bing.com/th/id/OIG1.b?pid=ImgGn"]
NOT_FOUND = {
    "error": {"message": "Task not found.", "type": "invalid_request_error", "param": None, "code": "not_found"}
}


def body_of(answer: Any, status: int = 200) -> Any:
    """The answer's JSON, its status as expected, its moment put aside."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    if isinstance(body, dict) and "timestamp" in body:
        moment = datetime.strptime(body.pop("timestamp"), "%Y-%m-%dT%H:%M:%S.%f%z")
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    return body


# --- the server itself ------------------------------------------------------------------------------------------------


def test_the_index_lists_the_endpoints(api: APIClient) -> None:
    """For all who are no browser."""
    for accept in ("", "*/*", "application/json", "application/json, text/html;q=0.9"):
        body = body_of(api.get("/", HTTP_ACCEPT=accept))
        assert body["success"] is True
        assert isinstance(body["author"], str) and isinstance(body["repository"], str)
        assert body["endpoints"] == {
            "info": "GET /",
            "health": "GET /health",
            "create_image": "POST /create/image",
            "create_video": "POST /create/video",
            "get_task": "GET /task/:taskId",
            "cancel_task": "DELETE /task/:taskId",
            "list_tasks": "GET /tasks",
            "options": "GET /options",
            "images_generations": "POST /v1/images/generations",
            "chat_completions": "POST /v1/chat/completions",
            "models": "GET /v1/models",
            "open_conversation": "POST /v1/create",
            "create_conversation": "POST /create_conversation",
            "chatgpt": "POST /chatgpt",
            "docs": "GET /api/docs/",
        }


def test_a_browser_gets_a_plain_page(api: APIClient, settings: Settings) -> None:
    """Readiness, a curl for each endpoint, links; no script, no form; caches keep the two apart."""
    answer = api.get("/", HTTP_ACCEPT="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    page = answer.content.decode()
    assert (answer.status_code, answer["Content-Type"], answer["Vary"]) == (200, "text/html; charset=utf-8", "Accept")
    assert "Not ready." in page
    assert page.count("curl ") == 13
    assert all(link in page for link in ('href="/api/docs/"', 'href="/admin/"', "http://testserver/create/image"))
    assert not any(word in page for word in ("<script", "<form", "<input", "onclick", "YOUR_KEY"))
    make_account()
    make_runner()
    settings.ACCESS, settings.PUBLIC_URL = "keys", "https://pictures.example.org"
    page = api.get("/", HTTP_ACCEPT="text/html").content.decode()
    assert "Ready." in page and "Not ready." not in page
    assert page.count("bp_YOUR_KEY") == 11
    assert "https://pictures.example.org/create/image" in page


def test_health_tells_what_is_there(api: APIClient) -> None:
    """Nothing at first; then an account, a session, a worker, work."""
    empty = {"status": "ok", "cookie": "not set", "session": "inactive", "activeTasks": 0, "worker": "none"}
    assert body_of(api.get("/health")) == {"success": True, "data": empty}
    make_account()
    make_runner()
    for state in (*OPEN, *FINISHED):
        make_task(state=state)
    full = {"status": "ok", "cookie": "set", "session": "active", "activeTasks": 4, "worker": "running"}
    assert body_of(api.get("/health")) == {"success": True, "data": full}


def test_options_list_models_and_aspects(api: APIClient) -> None:
    """Byte for byte as clients know them, with the models' true ratios beside."""
    wide = {"SQUARE": "1:1", "LANDSCAPE": "7:4", "PORTRAIT": "4:7"}
    near = {"SQUARE": "1:1", "LANDSCAPE": "3:2", "PORTRAIT": "2:3"}
    assert body_of(api.get("/options"))["data"] == {
        "models": [
            {"id": "DALLE", "value": 0, "description": "DALL-E — fast, general purpose", "ratios": wide},
            {"id": "GPT4O", "value": 1, "description": "GPT-4o — higher quality, slower", "ratios": near},
            {"id": "MAI1", "value": 4, "description": "MAI Image 1 — Microsoft model", "ratios": near},
        ],
        "aspects": [
            {"id": "SQUARE", "value": 1, "ratio": "1:1"},
            {"id": "LANDSCAPE", "value": 2, "ratio": "7:4"},
            {"id": "PORTRAIT", "value": 3, "ratio": "4:7"},
        ],
    }


def test_who_needs_a_key(api: APIClient, settings: Settings) -> None:
    """In `keys` mode the server's own routes are free, everything else is 401; a key opens it."""
    settings.ACCESS = "keys"
    for path in ("/", "/health", "/options"):
        assert api.get(path, HTTP_AUTHORIZATION="Bearer bp_wrong").status_code == 200
    for method, path in (("get", "/tasks"), ("get", f"/task/{uuid.uuid4()}"), ("delete", f"/task/{uuid.uuid4()}")):
        assert body_of(getattr(api, method)(path), 401)["error"]["code"] == "invalid_api_key"
    for path in ("/create/image", "/create/video", "/v1/images/generations"):
        assert body_of(api.post(path, {}, format="json"), 401)["error"]["code"] == "invalid_api_key"
    assert api.get("/tasks", HTTP_AUTHORIZATION=f"Bearer {make_key()[1]}").status_code == 200


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_a_task_is_shown_to_its_owner_only(api: APIClient) -> None:
    """Others' tasks, unknown ids and what is no id are one and the same 404."""
    caller, key = make_key()
    mine = make_task(caller_id=caller.caller_id)
    others = make_task()
    assert body_of(api.get(f"/task/{mine.pk}", HTTP_X_API_KEY=key))["data"]["id"] == str(mine.pk)
    for task_id in (others.pk, uuid.uuid4(), "abc", "1" * 500, "%00", "%F0%9F%A6%8A"):
        assert body_of(api.get(f"/task/{task_id}", HTTP_X_API_KEY=key), 404) == NOT_FOUND
        assert body_of(api.delete(f"/task/{task_id}", HTTP_X_API_KEY=key), 404) == NOT_FOUND
    assert reload(others).state == State.QUEUED


def test_a_failed_task_is_http_200(api: APIClient) -> None:
    """The failure is the task's, not the request's."""
    task = make_task(state=State.FAILED, error_code="too_vague")
    data = body_of(api.get(f"/task/{task.pk}"))["data"]
    assert (data["status"], data["errorCode"], data["error"]) == ("failed", "too_vague", MESSAGES["too_vague"])


def test_the_hot_read_asks_the_database_at_most_twice(api: APIClient) -> None:
    """Whether it runs or has pictures."""
    for task in (make_task(), make_task(state=State.COMPLETED, images=URLS)):
        with CaptureQueriesContext(connection) as queries:
            api.get(f"/task/{task.pk}")
        assert len(queries) <= 2


@pytest.mark.django_db(transaction=True)
def test_own_tasks_take_one_thread_hop(http: httpx.Client, thread_hops: list[str]) -> None:
    """Read, listed, cancelled: policies and work together, and no hop is added for the answer."""
    task = make_task()
    for method, path in (("GET", f"/task/{task.pk}"), ("GET", "/tasks"), ("DELETE", f"/task/{task.pk}")):
        thread_hops.clear()
        assert http.request(method, path).status_code == 200
        assert thread_hops == ["prepare"]


def test_a_finished_task_is_not_waited_for(api: APIClient) -> None:
    """`wait` is honoured all the same, at most 60 s of it."""
    task = make_task(state=State.COMPLETED, images=URLS)
    answer = api.get(f"/task/{task.pk}", HTTP_PREFER="wait=3600")
    assert body_of(answer)["data"]["images"] == URLS
    assert answer["Preference-Applied"] == "wait=60"
    assert "Prefer" in answer["Vary"]


@pytest.mark.parametrize("state", [State.QUEUED, State.POLLING])
def test_what_waits_or_is_polled_is_cancelled_at_once(api: APIClient, state: str) -> None:
    """200 with the task as it now is; a second time is 409."""
    task = make_task(state=state)
    data = body_of(api.delete(f"/task/{task.pk}"))["data"]
    assert (data["id"], data["status"], data["state"], data["errorCode"]) == (
        str(task.pk),
        "failed",
        "cancelled",
        "cancelled",
    )
    error = body_of(api.delete(f"/task/{task.pk}"), 409)["error"]
    assert (error["code"], error["type"]) == ("conflict", "invalid_request_error")


@pytest.mark.parametrize("state", [State.SUBMITTING, State.UNCERTAIN])
def test_what_is_being_sent_is_cancelled_later(api: APIClient, state: str) -> None:
    """202 with the task as it still is; the wish is on the row, and may be said again."""
    task = make_task(state=state)
    for _ in range(2):
        data = body_of(api.delete(f"/task/{task.pk}"), 202)["data"]
        assert (data["status"], data["state"]) == ("processing", state)
    assert reload(task).cancel_requested


@pytest.mark.parametrize("state", FINISHED)
def test_what_has_ended_cannot_be_cancelled(api: APIClient, state: str) -> None:
    """409, x-should-retry false, the row untouched."""
    task = make_task(state=state, error_code="cancelled")
    answer = api.delete(f"/task/{task.pk}")
    assert body_of(answer, 409)["error"]["code"] == "conflict"
    assert answer["x-should-retry"] == "false"
    assert not reload(task).cancel_requested


# --- the list ---------------------------------------------------------------------------------------------------------


def test_pages_show_each_task_once_newest_first(api: APIClient) -> None:
    """Even when many were made in the same microsecond and new ones come while somebody reads."""
    now = timezone.now()
    tasks = [make_task(created_at=now - timedelta(seconds=index // 3)) for index in range(10)]
    seen: list[str] = []
    cursor = ""
    while len(seen) < 100:
        page = body_of(api.get(f"/tasks?limit=3{cursor}"))["data"]
        seen += [task["id"] for task in page["tasks"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        make_task()
    ordered = sorted(tasks, key=lambda task: (task.created_at, task.pk), reverse=True)
    assert seen == [str(task.pk) for task in ordered]


def test_the_list_is_filtered_and_ones_own(api: APIClient) -> None:
    """By status and kind; pictures come along without a query for each."""
    _, key = make_key()
    done = make_task(state=State.COMPLETED, images=URLS)
    lost = [make_task(state=state, error_code="cancelled") for state in (State.FAILED, State.CANCELLED, State.EXPIRED)]
    video = make_task(kind="video", state=State.POLLING)

    def ids(query: str, **headers: str) -> set[str]:
        return {task["id"] for task in body_of(api.get(f"/tasks{query}", **headers))["data"]["tasks"]}  # type: ignore[arg-type]

    assert ids("?status=completed") == {str(done.pk)}
    assert ids("?status=failed") == {str(task.pk) for task in lost}
    assert ids("?status=processing&kind=video") == {str(video.pk)} == ids("?kind=video")
    assert ids("?status=failed&kind=video") == set() == ids("", HTTP_X_API_KEY=key)
    with CaptureQueriesContext(connection) as queries:
        assert len(ids("")) == 5
    assert len(queries) == 2


@pytest.mark.parametrize("query", ["status=x", "kind=audio", "limit=0", "limit=101", "limit=x", "cursor=x"])
def test_a_bad_query_is_refused(api: APIClient, query: str) -> None:
    """400 that names the parameter."""
    error = body_of(api.get(f"/tasks?{query}"), 400)["error"]
    assert (error["param"], error["code"]) == (query.partition("=")[0], "invalid_value")


def test_methods_that_a_path_does_not_take(api: APIClient) -> None:
    """405 with `Allow`, whatever the body."""
    for path, allowed in (("/create/image", "POST"), ("/tasks", "GET"), (f"/task/{uuid.uuid4()}", "DELETE")):
        answer = api.put(path, {"query": "x"}, format="json")
        assert body_of(answer, 405)["error"]["code"] == "method_not_allowed"
        assert allowed in answer["Allow"]
    assert Task.objects.count() == 0
