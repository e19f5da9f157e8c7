"""Creation of tasks: idempotency, joins of repeats, limits, other callers' tasks, cancelling."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState
from bingproject.errors import (
    AccountThrottledError,
    ChallengeRequiredError,
    ConflictError,
    InvalidRequestError,
    NoAccountError,
    NotFoundError,
    RateLimitError,
)
from creator.models import IdempotencyKey, State, Task
from creator.services import (
    GenerationRequest,
    TaskBatch,
    TaskOrigin,
    cancel_task,
    create_task,
    find_task,
    list_tasks,
    withdraw_tasks,
)
from tests.factories import make_account, make_task, set_capability

pytestmark = pytest.mark.django_db(transaction=True)
REQUEST = GenerationRequest("image", "a cat")


def _origin(**fields: object) -> TaskOrigin:
    values: dict[str, object] = {"caller_id": "open", "route": "/create/image", "body": '{"query":"a cat"}'}
    return TaskOrigin(**(values | fields))  # type: ignore[arg-type]


def _create(request: GenerationRequest = REQUEST, patience_seconds: float = 300, **fields: object) -> TaskBatch:
    return create_task(request, _origin(**fields), timezone.now(), patience_seconds)


def test_one_insert_makes_the_tasks_of_a_request() -> None:
    """The rows are queued and share a batch."""
    make_account()
    tasks = _create(GenerationRequest("image", "a cat", model="GPT4O", count=3)).tasks
    assert [task.batch_index for task in tasks] == [0, 1, 2]
    assert len({task.batch for task in tasks}) == 1
    assert set(Task.objects.values_list("state", flat=True)) == {State.QUEUED}


def test_the_same_key_and_body_give_the_same_tasks() -> None:
    """A replay inserts nothing and is marked as one."""
    make_account()
    first = _create(idempotency_key="k")
    again = _create(idempotency_key="k")
    assert (first.is_replayed, again.is_replayed) == (False, True)
    assert [task.pk for task in again.tasks] == [task.pk for task in first.tasks]
    assert Task.objects.count() == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    """A key belongs to one request."""
    make_account()
    _create(idempotency_key="k")
    with pytest.raises(InvalidRequestError) as refusal:
        _create(idempotency_key="k", body='{"query":"a dog"}')
    assert refusal.value.code == "idempotency_mismatch"
    assert Task.objects.count() == 1


def test_a_key_belongs_to_its_caller_and_route() -> None:
    """Another caller, or another route, may use the same key."""
    make_account()
    _create(idempotency_key="k")
    assert not _create(idempotency_key="k", caller_id="user:a").is_replayed
    assert not _create(idempotency_key="k", route="/create/video").is_replayed


def test_a_key_is_forgotten_after_a_day() -> None:
    """After 24 hours the key is free."""
    make_account()
    _create(idempotency_key="k")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert not _create(idempotency_key="k").is_replayed
    assert Task.objects.count() == 2


def test_equal_requests_at_the_same_moment_make_one_task() -> None:
    """Eight threads with one key: one row, one answer."""
    make_account()
    batches: list[TaskBatch] = []

    def ask() -> None:
        batches.append(_create(idempotency_key="k"))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({batch.tasks[0].pk for batch in batches}) == 1
    assert [batch.is_replayed for batch in batches].count(False) == 1


@pytest.mark.parametrize(
    ("state", "code", "joins"),
    [
        (State.QUEUED, "", True),
        (State.POLLING, "", True),
        (State.COMPLETED, "", True),
        (State.FAILED, "submit_outcome_unknown", True),
        (State.FAILED, "blocked", True),
        (State.EXPIRED, "timeout", True),
        (State.FAILED, "upstream_overloaded", False),
        (State.FAILED, "upstream_unreachable", False),
        (State.FAILED, "throttled", False),
    ],
)
def test_a_clients_own_retry_joins_unless_another_try_may_succeed(state: str, code: str, joins: bool) -> None:
    """A repeat of the same body gets the earlier task, except if that failed in a way that passes."""
    make_account()
    (task,) = _create().tasks
    Task.objects.filter(pk=task.pk).update(state=state, error_code=code)
    assert _create(is_repeat=True).is_replayed is joins


def test_a_retry_joins_a_failure_after_which_bing_may_make_the_picture() -> None:
    """A server error at the submit keeps the slot: a repeat gets the same error instead of a second picture."""
    make_account()
    (task,) = _create().tasks
    Task.objects.filter(pk=task.pk).update(
        state=State.FAILED, error_code="upstream_unreachable", slot_until=timezone.now() - timedelta(seconds=5)
    )
    assert _create(is_repeat=True).is_replayed


def test_a_retry_joins_only_its_own_newest_request() -> None:
    """Another body, another caller, or a creation more than 15 minutes ago does not join."""
    make_account()
    (task,) = _create().tasks
    assert not _create(is_repeat=True, body='{"query":"a dog"}').is_replayed
    assert not _create(is_repeat=True, caller_id="user:a").is_replayed
    Task.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    assert not _create(is_repeat=True).is_replayed
    assert Task.objects.filter(body_hash=task.body_hash).count() == 3


def test_a_request_without_a_key_is_never_joined() -> None:
    """A second request that is not marked as a repeat wants a second picture."""
    make_account()
    _create()
    assert not _create().is_replayed


def test_the_queue_of_a_caller_is_bounded(settings: Settings) -> None:
    """Above the limit it is 429, and other callers are still accepted."""
    settings.MAX_QUEUED_PER_HOLDER = 2
    make_account()
    _create()
    _create()
    with pytest.raises(RateLimitError):
        _create()
    _create(caller_id="user:a")


def test_the_whole_queue_is_bounded(settings: Settings) -> None:
    """The sum over all callers has a limit, too."""
    settings.MAX_QUEUED = 1
    make_account()
    _create()
    with pytest.raises(RateLimitError):
        _create(caller_id="user:a")


def test_unservable_requests_are_refused_at_once() -> None:
    """No account, only challenged ones, or cooldowns longer than the caller waits: nothing is written."""
    with pytest.raises(NoAccountError):
        _create()
    account = make_account(state=AccountState.CHALLENGED)
    with pytest.raises(ChallengeRequiredError):
        _create()
    account.mark(AccountState.OK, "", timezone.now())
    set_capability(account, "image", cooldown_until=timezone.now() + timedelta(seconds=60))
    with pytest.raises(AccountThrottledError) as refusal:
        _create(patience_seconds=30)
    assert 55 < (refusal.value.retry_after or 0) <= 60
    assert Task.objects.count() == 0
    assert _create(patience_seconds=300).tasks


def test_a_foreign_or_unknown_task_is_not_found() -> None:
    """Another caller's task looks like none; operators see every task."""
    task = make_task(caller_id="user:a")
    for task_id in (str(task.pk), str(uuid.uuid4()), "no-uuid", ""):
        with pytest.raises(NotFoundError):
            find_task(task_id, "user:b")
    assert find_task(str(task.pk), None).pk == task.pk


def test_tasks_are_listed_newest_first_in_pages() -> None:
    """The cursor is the time and id of the last task; equal times lose and repeat nothing."""
    now = timezone.now()
    tasks = [make_task(created_at=now - timedelta(seconds=number // 2)) for number in range(7)]
    make_task(caller_id="user:a")
    seen: list[uuid.UUID] = []
    before = None
    while page := list_tasks("open", before=before, limit=2):
        seen += [task.pk for task in page]
        before = (page[-1].created_at, page[-1].pk)
    assert len(seen) == 7
    assert set(seen) == {task.pk for task in tasks}
    assert list_tasks("open", states=(State.COMPLETED,), limit=5) == []
    assert list_tasks("open", kind="video", limit=5) == []


def test_a_queued_task_is_cancelled_at_once() -> None:
    """It never reaches Bing and takes no slot."""
    task = cancel_task(str(make_task().pk), "open", timezone.now())
    assert (task.state, task.error_code, task.slot_until) == (State.CANCELLED, "cancelled", None)


def test_a_request_to_cancel_a_submit_is_stored() -> None:
    """It is unknown yet whether Bing has it, so the row keeps its state."""
    for state in (State.SUBMITTING, State.UNCERTAIN):
        task = cancel_task(str(make_task(state=state).pk), "open", timezone.now())
        assert (task.state, task.cancel_requested) == (state, True)


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.EXPIRED])
def test_a_finished_task_cannot_be_cancelled(state: str) -> None:
    """409, and the row is unchanged."""
    task = make_task(state=state)
    with pytest.raises(ConflictError):
        cancel_task(str(task.pk), "open", timezone.now())
    assert find_task(str(task.pk), "open").state == state


@pytest.mark.parametrize("fields", [{"is_repeat": True}, {"idempotency_key": "k"}], ids=["repeat", "key"])
def test_withdrawn_tasks_are_never_joined(fields: dict[str, Any]) -> None:
    """503 `no_worker` asks the caller to try again, which creates new tasks."""
    make_account()
    tasks = _create(GenerationRequest("image", "a cat", model="GPT4O", count=2), **fields).tasks
    assert withdraw_tasks([task.pk for task in tasks], timezone.now()) == 2
    again = _create(**fields)
    assert not again.is_replayed and again.tasks[0].state == State.QUEUED
    assert _create(**fields).tasks == again.tasks
    cancel_task(str(again.tasks[0].pk), "open", timezone.now())
    assert _create(**fields).is_replayed  # a task that its caller cancelled is joined


@pytest.mark.parametrize("fields", [{"is_repeat": True}, {"idempotency_key": "k"}], ids=["repeat", "key"])
def test_a_request_that_bing_has_in_part_is_joined(fields: dict[str, Any]) -> None:
    """A worker claimed one of two tasks just then: a repeat must not spend twice."""
    make_account()
    tasks = _create(GenerationRequest("image", "a cat", model="GPT4O", count=2), **fields).tasks
    Task.objects.filter(pk=tasks[0].pk).update(state=State.SUBMITTING)
    assert withdraw_tasks([task.pk for task in tasks], timezone.now()) == 1
    assert _create(**fields).is_replayed
