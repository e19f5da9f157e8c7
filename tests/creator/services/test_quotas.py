"""Daily quotas: counted with the insert, given back once and only if Bing never had the task."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.callers import limits
from accounts.models import UsageCounter, WhitelistedUser
from bingproject.errors import InvalidRequestError, NoAccountError, PromptRejectedError, RateLimitError
from creator.models import State, Task
from creator.services import GenerationRequest, TaskBatch, TaskOrigin, cancel_task, create_task, withdraw_tasks
from creator.services.outcomes import Accepted, Failed, Rejected, Requeued, TaskOutcome, TimedOut, Uncertain, Unresolved
from creator.services.queued_tasks import ENDED_AT_ONCE, expire_queued, fail_queued
from creator.services.quotas import give_back
from creator.services.running_task import Claim
from tests.accounts.callers.limits.asking import in_threads
from tests.factories import make_account, make_runner, make_user

pytestmark = pytest.mark.django_db(transaction=True)
ME = "here/boot/1/1/1/a"
NOW = timezone.now()
REFUSED, BROKEN = PromptRejectedError(code="blocked"), NoAccountError()


def create(user: WhitelistedUser | None, *, count: int = 1, kind: str = "image", **fields: Any) -> TaskBatch:
    """Create one request of this user."""
    caller_id = user.caller_id if user else "open"
    origin = TaskOrigin(caller_id, "create/image", fields.pop("body", "{}"), user=user, **fields)
    return create_task(GenerationRequest(kind, "a cat", count=count), origin, timezone.now(), 300)


def counted() -> int:
    """Return all counts of quotas."""
    return sum(UsageCounter.objects.values_list("count", flat=True))


@pytest.fixture
def anna() -> WhitelistedUser:
    """A user with a limit, and a usable account."""
    make_account()
    return make_user("anna", daily_images=3, daily_videos=1)


def test_a_task_counts_as_it_is_created(anna: WhitelistedUser) -> None:
    """One generation counts 1, n in one request count n; a request over the limit is refused as a whole."""
    create(anna, count=2)
    with pytest.raises(RateLimitError) as refusal:
        create(anna, count=2)
    assert (refusal.value.code, Task.objects.count(), counted()) == ("quota_exceeded", 2, 2)
    create(anna)
    with pytest.raises(RateLimitError):
        create(anna)
    assert set(Task.objects.values_list("counted_on", flat=True)) == {timezone.now().date()}
    create(anna, kind="video")


def test_tasks_without_a_user_do_not_count(anna: WhitelistedUser) -> None:
    """Callers without a key, on an open server."""
    assert create(None).tasks[0].counted_on is None
    assert counted() == 0


def test_a_user_without_a_limit_is_counted_too() -> None:
    """So that operators see the count."""
    make_account()
    create(make_user("bert"), count=2)
    assert counted() == 2


def test_of_a_hundred_at_once_ten_are_created() -> None:
    """Concurrent requests create exactly as many rows as the limit allows."""
    make_account()
    user = make_user("anna", daily_images=10)

    def ask() -> bool:
        try:
            return bool(create(user).tasks)
        except RateLimitError as error:
            assert error.code == "quota_exceeded"
            return False

    answers = in_threads(ask, times=100)
    assert answers.count(True) == Task.objects.count() == counted() == 10


def test_the_same_request_again_costs_nothing(anna: WhitelistedUser) -> None:
    """A repeat with the same key, or marked as a retry, also when no quota is left."""
    create(anna, count=3, idempotency_key="k")
    assert create(anna, count=3, idempotency_key="k").is_replayed
    assert create(anna, count=3, is_repeat=True).is_replayed
    assert counted() == 3


def test_a_request_refused_before_the_insert_costs_nothing(anna: WhitelistedUser) -> None:
    """The count is rolled back with the transaction."""
    create(anna, idempotency_key="k")
    with pytest.raises(InvalidRequestError):
        create(anna, idempotency_key="k", body='{"other": 1}')
    assert counted() == 1


# --- given back ---


def under_way(anna: WhitelistedUser, state: str, **columns: Any) -> tuple[Task, Claim]:
    """Return a counted task that a runner has in this state."""
    (task,) = create(anna).tasks
    now = timezone.now()
    Task.objects.filter(pk=task.pk).update(
        **{"state": state, "runner": ME, "attempt_count": 1, "submit_at": now, **columns}
    )
    return task, Claim(task.pk, task.kind, ME, 1, now)


def cancel(task: Task) -> None:
    """Cancel it as its caller."""
    cancel_task(str(task.pk), "user:anna", timezone.now())


IN_QUEUE: dict[str, Callable[[Task], object]] = {
    "cancelled": cancel,
    "withdrawn": lambda task: withdraw_tasks([task.pk], timezone.now()),
    "failed": lambda _: fail_queued("image", BROKEN, timezone.now()),
    "expired": lambda _: expire_queued(timezone.now() + timedelta(days=1)),
}


@pytest.mark.parametrize("end", IN_QUEUE.values(), ids=IN_QUEUE)
def test_a_task_that_ends_in_the_queue_is_given_back_once(anna: WhitelistedUser, end: Callable[[Task], object]) -> None:
    """Bing never had it; another task of the user stays counted."""
    under_way(anna, State.POLLING)
    (task,) = create(anna).tasks
    end(task)
    task.refresh_from_db()
    assert task.is_finished and task.counted_on is None
    assert counted() == 1
    give_back([task.pk])
    assert counted() == 1


def test_many_are_given_back_to_many(anna: WhitelistedUser) -> None:
    """In several batches, with tasks of no user among them: each caller's share goes to their own count."""
    bert, day = make_user("bert"), limits.take_quota(anna, "image", 3, NOW)
    limits.take_quota(bert, "image", ENDED_AT_ONCE, NOW)
    shares = {anna.caller_id: 2, bert.caller_id: ENDED_AT_ONCE, "open": 2}
    fields: dict[str, Any] = dict.fromkeys(("created_at", "next_at", "deadline_at"), NOW)
    waiting = [
        (caller_id, day if caller_id != "open" else None) for caller_id, count in shares.items() for _ in range(count)
    ]
    Task.objects.bulk_create(
        Task(caller_id=caller_id, counted_on=on, prompt="a cat", **fields) for caller_id, on in waiting
    )
    assert fail_queued("image", BROKEN, timezone.now()) == len(waiting)
    assert dict(UsageCounter.objects.values_list("caller_id", "count")) == {anna.caller_id: 1, bert.caller_id: 0}
    assert not Task.objects.exclude(counted_on=None).exists()


REQUEUED = Requeued(BROKEN, 0.0, is_counted=True, tried_accounts=())
ACCEPTED = Accepted("1-a", "", "fast")
AT_BING: dict[str, tuple[str, dict[str, Any], TaskOutcome, bool]] = {
    "refused": (State.SUBMITTING, {}, Rejected(REFUSED), False),
    "refused after a request to cancel": (State.SUBMITTING, {"cancel_requested": True}, Rejected(REFUSED), False),
    "not accepted after a request to cancel": (State.SUBMITTING, {"cancel_requested": True}, REQUEUED, False),
    "tried again": (State.SUBMITTING, {}, REQUEUED, True),
    "accepted": (State.SUBMITTING, {}, ACCEPTED, True),
    "accepted after a request to cancel": (State.SUBMITTING, {"cancel_requested": True}, ACCEPTED, True),
    "a fault on the way": (State.SUBMITTING, {}, Failed(BROKEN, may_run=True), True),
    "uncertain": (State.SUBMITTING, {}, Uncertain(BROKEN), True),
    "never known": (State.UNCERTAIN, {}, Unresolved(), True),
    "failed at Bing": (State.POLLING, {}, Failed(REFUSED, may_run=False), True),
    "too late": (State.POLLING, {}, TimedOut(), True),
    "another attempt by now": (State.SUBMITTING, {"attempt_count": 2}, Rejected(REFUSED), True),
}


@pytest.mark.parametrize(("state", "columns", "outcome", "is_counted"), AT_BING.values(), ids=AT_BING)
def test_a_task_that_bing_may_have_accepted_counts(
    anna: WhitelistedUser, state: str, columns: dict[str, Any], outcome: TaskOutcome, is_counted: bool
) -> None:
    """Only such a task; a repeated write changes nothing."""
    task, claim = under_way(anna, state, **columns)
    for _ in range(2):
        outcome.apply(claim, timezone.now())
        task.refresh_from_db()
        assert (task.counted_on is not None) == is_counted == bool(counted())


def test_a_task_cancelled_while_bing_works_counts(anna: WhitelistedUser) -> None:
    """Bing continues with it."""
    make_runner(id=ME)
    task, _ = under_way(anna, State.POLLING)
    cancel(task)
    task.refresh_from_db()
    assert (task.state, counted()) == (State.CANCELLED, 1)


def test_a_task_ended_concurrently_is_given_back_once(anna: WhitelistedUser) -> None:
    """Eight threads cancel the same task while the sweep expires it."""
    create(anna)
    (task,) = create(anna).tasks
    ends = [lambda: expire_queued(timezone.now() + timedelta(days=1)), lambda: withdraw_tasks([task.pk], NOW)]
    in_threads(lambda: ends.pop()() if ends else withdraw_tasks([task.pk], NOW), times=8)
    assert Task.objects.unfinished().count() == 0
    assert counted() == 0
