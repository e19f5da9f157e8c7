"""A task's story on its page: each step with its time, account and id, escaped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from creator.admin.story import after, show_story, task_link
from creator.models import EventKind, State, TaskEvent
from creator.services.events import Step, tell
from tests.factories import make_task

NOW = timezone.now()


@pytest.mark.django_db
def test_steps_are_shown_in_order() -> None:
    """Names in words, the time since the beginning, request ids, accounts; what Bing said is text and not HTML."""
    task = make_task(created_at=NOW)
    tell(
        Step(task.pk, EventKind.ACCEPTED, NOW, "create/image", "", "a-request"),
        Step(task.pk, EventKind.FAILED, NOW + timedelta(seconds=5), "blocked: <script>", "anna", ""),
    )
    text = show_story(task)
    assert text.index("Asked for") < text.index("Failed")
    assert all(word in text for word in ("a-request", "+5.0 s", "anna", "&lt;script&gt;"))
    assert "<script>" not in text


@pytest.mark.django_db
def test_a_kind_of_a_later_version_is_shown_by_its_name() -> None:
    """Machines of two versions live together while one replaces the other."""
    task = make_task()
    TaskEvent.objects.create(task=task, at=NOW, kind="teleported", text="far")
    assert "teleported" in show_story(task)


@pytest.mark.django_db
def test_a_task_without_a_story_says_why() -> None:
    """It is from before stories were kept, or nothing has happened yet."""
    assert "before stories were kept" in show_story(make_task(state=State.COMPLETED))
    assert "Nothing yet." in show_story(make_task())


@pytest.mark.parametrize(("seconds", "text"), [
    (-1, "+0.0 s"), (0.04, "+0.0 s"), (59.94, "+59.9 s"), (60, "+1 min 0 s"), (3599, "+59 min 59 s"),
    (7320, "+2 h 2 min"),
])  # fmt: skip
def test_times_are_as_short_as_they_say_enough(seconds: float, text: str) -> None:
    """A clock that runs behind is no time before the beginning."""
    assert after(timedelta(seconds=seconds)) == text


@pytest.mark.django_db
def test_a_link_to_a_task() -> None:
    """Its page, by its id."""
    task = make_task()
    assert f'/admin/creator/task/{task.pk}/change/">{task.pk}</a>' in task_link(task.pk)
