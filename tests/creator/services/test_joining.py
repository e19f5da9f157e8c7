"""Repeats that are not marked as such: which join existing tasks and which create new ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from creator.models import State, Task
from creator.services import GenerationRequest, TaskBatch, TaskOrigin, create_task, note_unserved
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def _create(now: datetime | None = None, count: int = 1, **fields: Any) -> TaskBatch:
    values = {"caller_id": "open", "route": "create/image", "body": '{"query":"a cat"}'} | fields
    return create_task(
        GenerationRequest("image", "a cat", count=count), TaskOrigin(**values), now or timezone.now(), 300
    )


def _left(batch: TaskBatch, now: datetime | None = None, **columns: Any) -> TaskBatch:
    """Note that the caller of these was answered without a result."""
    ids = [task.pk for task in batch.tasks]
    Task.objects.filter(pk__in=ids).update(**columns)
    note_unserved(ids, now or timezone.now())
    return batch


@pytest.mark.parametrize(
    "columns",
    [
        {"state": State.QUEUED},
        {"state": State.POLLING},
        {"state": State.UNCERTAIN},
        {"state": State.COMPLETED},
        {"state": State.FAILED, "error_code": "submit_outcome_unknown"},
        {"state": State.FAILED, "error_code": "upstream_interrupted"},
        {"state": State.EXPIRED, "error_code": "expired"},
        {"state": State.CANCELLED, "error_code": "cancelled", "cancel_requested": True},
    ],
)
def test_a_repeat_joins_what_may_have_been_spent(columns: dict[str, Any]) -> None:
    """The caller was answered with 409, 429 or 5xx, or left: an equal request counts as a repeat."""
    make_account()
    first = _left(_create(), **columns)
    again = _create()
    assert [task.pk for task in again.tasks] == [task.pk for task in first.tasks]
    assert (again.is_joined, again.is_replayed) == (True, True)


def test_a_repeat_of_what_bing_did_not_accept_is_a_new_task() -> None:
    """SDKs repeat a request because of an overload."""
    make_account()
    first = _left(_create(), state=State.FAILED, error_code="upstream_overloaded")
    again = _create()
    assert again.tasks[0].pk != first.tasks[0].pk
    assert not again.is_joined


def test_two_separate_requests_stay_two() -> None:
    """An equal request while the first one still waits, or after its result, is a new one."""
    make_account()
    first, second = _create(), _create()
    Task.objects.update(state=State.COMPLETED)
    third = _create()
    assert len({batch.tasks[0].pk for batch in (first, second, third)}) == 3
    assert not any(batch.is_joined for batch in (first, second, third))


def test_each_repeat_joins_a_batch_of_its_own() -> None:
    """Two callers were answered without a result and repeat: each joins one batch, a third request creates another."""
    make_account()
    first, second = _create(), _create()
    _left(first)
    _left(second)
    repeats = [_create() for _ in range(3)]
    ids = [batch.tasks[0].pk for batch in repeats]
    assert set(ids[:2]) == {first.tasks[0].pk, second.tasks[0].pk}
    assert ids[2] not in ids[:2]
    assert [batch.is_joined for batch in repeats] == [True, True, False]


def test_all_tasks_of_a_request_are_joined_together() -> None:
    """All `n` tasks are returned in their order."""
    make_account()
    first = _left(_create(count=3))
    again = _create(count=3)
    assert [task.pk for task in again.tasks] == [task.pk for task in first.tasks]


@pytest.mark.parametrize(
    "fields",
    [{"caller_id": "user:x"}, {"route": "images/generations"}, {"body": "{}"}, {"idempotency_key": "k"}],
    ids=lambda fields: next(iter(fields)),
)
def test_other_requests_are_no_repeats(fields: dict[str, Any]) -> None:
    """Another caller, route or body does not join, nor does a request with a key."""
    make_account()
    _left(_create())
    assert not _create(**fields).is_joined


def test_the_window_is_a_setting(settings: Settings) -> None:
    """After it an equal request is a new one; 0 joins nothing."""
    make_account()
    now = timezone.now()
    _left(_create(), now - timedelta(seconds=31))
    assert not _create(now).is_joined
    _left(_create(), now - timedelta(seconds=29))
    settings.JOIN_REPEATS_SECONDS = 0
    assert not _create(now).is_joined


def test_a_repeat_that_joins_costs_no_quota() -> None:
    """The first request has counted already."""
    make_account()
    user = make_user(daily_images=1)
    caller_id = f"user:{user.user_id}"
    _left(_create(caller_id=caller_id, user=user))
    assert _create(caller_id=caller_id, user=user).is_joined
