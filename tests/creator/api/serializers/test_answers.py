"""How tasks are shown: the contract's keys and words, whatever became of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import to_builtins

from creator.api.serializers import show_accepted, show_generation, show_images, show_task
from creator.models import FINISHED, State
from tests.factories import make_task

pytestmark = pytest.mark.django_db
MADE = datetime(2026, 11, 23, 6, 0, 0, 1000, tzinfo=UTC)
DONE = datetime(2026, 11, 23, 6, 0, 5, 999_999, tzinfo=UTC)
URLS = ["https://th.bing.com/th/id/OIG1.a?pid=ImgGn", "https://th.bing.com/th/id/OIG1.b?pid=ImgGn"]


def test_a_task_that_runs() -> None:
    """Nulls where nothing is known yet."""
    task = make_task(created_at=MADE, state=State.UNCERTAIN, kind="video")
    assert to_builtins(show_task(task)) == {
        "id": str(task.pk),
        "status": "processing",
        "prompt": "a red fox in the snow",
        "video": None,
        "error": None,
        "createdAt": "2026-11-23T06:00:00.001Z",
        "completedAt": None,
        "kind": "video",
        "images": [],
        "state": "uncertain",
        "errorType": None,
        "errorCode": None,
    }


def test_a_task_with_pictures() -> None:
    """In their order."""
    shown = to_builtins(show_task(make_task(state=State.COMPLETED, images=URLS, finished_at=DONE)))
    assert (shown["status"], shown["images"], shown["completedAt"]) == ("completed", URLS, "2026-11-23T06:00:05.999Z")


def test_a_task_with_a_video() -> None:
    """Its address."""
    shown = to_builtins(show_task(make_task(state=State.COMPLETED, kind="video", video_url=URLS[0])))
    assert (shown["video"], shown["images"]) == (URLS[0], [])


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        (
            {"state": State.FAILED, "error_code": "blocked", "error_message": "No."},
            ("No.", "prompt_rejected_error", "blocked"),
        ),
        (
            {"state": State.FAILED, "error_code": "cookie_expired"},
            (
                "Authentication failed. _U cookie is invalid or expired. The operator must paste a new one.",
                "auth_error",
                "cookie_expired",
            ),
        ),
        (
            {"state": State.CANCELLED, "error_code": "cancelled"},
            ("The task was cancelled before it was done.", "invalid_request_error", "cancelled"),
        ),
        (
            {"state": State.EXPIRED, "error_code": "expired"},
            (
                "The task was given up: Bing did not finish within the time allowed. Start a new one.",
                "api_error",
                "expired",
            ),
        ),
    ],
)
def test_a_task_that_ended_badly_says_why(columns: dict[str, Any], error: tuple[str, str, str]) -> None:
    """Message, type and code as a waiting caller would have had them."""
    shown = to_builtins(show_task(make_task(**columns)))
    assert shown["status"] == "failed"
    assert (shown["error"], shown["errorType"], shown["errorCode"]) == error


def test_only_ended_tasks_have_an_end() -> None:
    """For every state, `completedAt` and `status` go together."""
    for state in State.values:
        shown = to_builtins(show_task(make_task(state=state, error_code="cancelled")))
        assert (shown["completedAt"] is not None) == (state in FINISHED) == (shown["status"] != "processing")


def test_pictures_are_shown_with_bings_own_prompt() -> None:
    """The query where Bing gave none."""
    task = make_task(state=State.COMPLETED, images=URLS, model="MAI1", aspect="PORTRAIT", revised_prompt="A fox.")
    expected = {"images": URLS, "prompt": "A fox.", "model": "MAI1", "aspect": "PORTRAIT", "taskId": str(task.pk)}
    assert to_builtins(show_images(task)) == expected
    assert to_builtins(show_images(make_task(state=State.COMPLETED)))["prompt"] == "a red fox in the snow"


def test_an_accepted_task_is_its_id_and_the_query() -> None:
    """What a caller needs to come back for it."""
    task = make_task()
    assert to_builtins(show_accepted(task)) == {"taskId": str(task.pk), "prompt": task.prompt}


def test_openai_pictures_by_address_or_by_content() -> None:
    """One that could not be fetched is left out; each has the prompt it was made from."""
    task = make_task(state=State.COMPLETED, images=URLS, created_at=MADE, revised_prompt="A fox.")
    found = [(task, url) for url in URLS]
    expected: dict[str, Any] = {
        "created": 1795413600,
        "data": [{"url": url, "revised_prompt": "A fox."} for url in URLS],
    }
    assert to_builtins(show_generation(task, found, [])) == expected
    inline = {"created": 1795413600, "data": [{"b64_json": "/9g=", "revised_prompt": "A fox."}]}
    assert to_builtins(show_generation(task, found, [None, b"\xff\xd8"])) == inline
