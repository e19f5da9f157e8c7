"""A task's timeline on its page: each step with its time, account and id, escaped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from creator.admin.timeline import after, show_timeline, task_link
from creator.models import EventKind, State, TaskEvent
from creator.services.events import Step, log_steps
from tests.factories import make_task

NOW = timezone.now()


@pytest.mark.django_db
def test_steps_are_shown_in_order() -> None:
    """With name, time since the beginning, request id and account; Bing's texts are escaped."""
    task = make_task(created_at=NOW)
    log_steps(
        Step(task.pk, EventKind.ACCEPTED, NOW, "create/image", "", "a-request"),
        Step(task.pk, EventKind.FAILED, NOW + timedelta(seconds=5), "blocked: <script>", "anna", ""),
    )
    text = show_timeline(task)
    assert text.index("Requested") < text.index("Failed")
    assert all(word in text for word in ("a-request", "+5.0 s", "anna", "&lt;script&gt;"))
    assert "<script>" not in text


@pytest.mark.django_db
def test_a_kind_of_a_later_version_is_shown_by_its_name() -> None:
    """Machines of two versions run together during an upgrade."""
    task = make_task()
    TaskEvent.objects.create(task=task, at=NOW, kind="teleported", text="far")
    assert "teleported" in show_timeline(task)


@pytest.mark.django_db
def test_a_task_without_a_timeline_says_why() -> None:
    """A task from before timelines were stored, or one to which nothing has happened yet."""
    assert "before timelines were stored" in show_timeline(make_task(state=State.COMPLETED))
    assert "Nothing yet." in show_timeline(make_task())


@pytest.mark.parametrize(("seconds", "text"), [
    (-1, "+0.0 s"), (0.04, "+0.0 s"), (59.94, "+59.9 s"), (60, "+1 min 0 s"), (3599, "+59 min 59 s"),
    (7320, "+2 h 2 min"),
])  # fmt: skip
def test_times_are_short(seconds: float, text: str) -> None:
    """A clock that runs behind gives no negative time."""
    assert after(timedelta(seconds=seconds)) == text


@pytest.mark.django_db
def test_a_link_to_a_task() -> None:
    """To its page, by its id."""
    task = make_task()
    assert f'/admin/creator/task/{task.pk}/change/">{task.pk}</a>' in task_link(task.pk)
