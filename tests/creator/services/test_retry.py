"""Retry of an ended task: a new task with the same request, linked both ways, one at a time."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from bingproject.errors import ConflictError, NotFoundError
from creator import services
from creator.models import FINISHED, OPEN, State, Task
from tests.factories import make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.mark.parametrize("state", FINISHED)
def test_an_ended_task_is_retried(state: str) -> None:
    """For the same caller; quota, body and batch are not taken over, so that no repeat of a request joins it."""
    old = make_task(
        state=state, kind="video", prompt="a fox", speed="fast", caller_id="user:anna", route="create/video",
        body_hash="abc", counted_on=NOW.date(),
    )  # fmt: skip
    new = services.retry_task(str(old.pk), NOW)
    new.refresh_from_db()
    assert (new.kind, new.prompt, new.speed, new.caller_id) == ("video", "a fox", "fast", "user:anna")
    assert (new.state, new.route, new.retry_of, new.created_at) == (State.QUEUED, "admin", old.pk, NOW)
    assert (new.counted_on, new.body_hash) == (None, "") and new.batch != old.batch
    assert services.retries_of(old) == [new.pk]


def test_both_timelines_have_the_retry() -> None:
    """Each names the other task."""
    old = make_task(state=State.FAILED)
    new = services.retry_task(str(old.pk), NOW)
    assert (old.events.get().kind, str(new.pk) in old.events.get().text) == ("retried", True)
    assert (new.events.get().kind, str(old.pk) in new.events.get().text) == ("accepted", True)


@pytest.mark.parametrize("state", OPEN)
def test_a_running_task_is_not_retried(state: str) -> None:
    """Bing may be working on it."""
    old = make_task(state=state)
    with pytest.raises(ConflictError):
        services.retry_task(str(old.pk), NOW)
    assert Task.objects.count() == 1


def test_a_task_is_not_retried_twice_at_once() -> None:
    """A second click waits for the end of the first retry; a deleted task cannot be retried."""
    old = make_task(state=State.FAILED)
    first = services.retry_task(str(old.pk), NOW)
    with pytest.raises(ConflictError):
        services.retry_task(str(old.pk), NOW)
    Task.objects.filter(pk=first.pk).update(state=State.FAILED)
    second = services.retry_task(str(old.pk), timezone.now())
    assert services.retries_of(old) == [second.pk, first.pk]
    with pytest.raises(NotFoundError):
        services.retry_task(str(uuid.uuid4()), NOW)
