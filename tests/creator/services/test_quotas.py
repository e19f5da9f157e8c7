"""Tasks and daily quotas: counted with the insert, given back once and only when Bing never had them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import limits
from accounts.models import UsageCounter, WhitelistedUser
from bingproject.errors import InvalidRequestError, NoAccountError, PromptRejectedError, RateLimitError
from creator.models import State, Task
from creator.services import Intake, Origin, Wish, cancel_task, create_task, records, withdraw_tasks
from creator.services.quotas import give_back
from creator.services.records import Claim
from tests.accounts.limits.asking import in_threads
from tests.factories import make_account, make_runner, make_user

pytestmark = pytest.mark.django_db(transaction=True)
ME = "here/boot/1/1/1/a"
NOW = timezone.now()
REFUSED, BROKEN = PromptRejectedError(code="blocked"), NoAccountError()


def create(user: WhitelistedUser | None, *, count: int = 1, kind: str = "image", **fields: Any) -> Intake:
    """One request of this user."""
    holder = user.holder if user else "open"
    origin = Origin(holder, "create/image", fields.pop("body", "{}"), user=user, **fields)
    return create_task(Wish(kind, "a cat", count=count), origin, timezone.now(), 300)


def counted() -> int:
    """How much stands against anybody's day."""
    return sum(UsageCounter.objects.values_list("count", flat=True))


@pytest.fixture
def anna() -> WhitelistedUser:
    """A user with a limit, and an account to serve them."""
    make_account()
    return make_user("anna", daily_images=3, daily_videos=1)


def test_a_task_counts_as_it_is_created(anna: WhitelistedUser) -> None:
    """One generation is one, n side by side are n; what would go over is refused as a whole, and no row is written."""
    create(anna, count=2)
    with pytest.raises(RateLimitError) as refusal:
        create(anna, count=2)
    assert (refusal.value.code, Task.objects.count(), counted()) == ("quota_exceeded", 2, 2)
    create(anna)
    with pytest.raises(RateLimitError):
        create(anna)
    assert set(Task.objects.values_list("counted_on", flat=True)) == {timezone.now().date()}
    create(anna, kind="video")


def test_nobodys_tasks_count_against_nobody(anna: WhitelistedUser) -> None:
    """Callers without a key, where the server is open."""
    assert create(None).tasks[0].counted_on is None
    assert counted() == 0


def test_a_user_without_a_limit_is_counted_too() -> None:
    """For operators to see."""
    make_account()
    create(make_user("bert"), count=2)
    assert counted() == 2


def test_of_a_hundred_at_once_ten_are_created() -> None:
    """Exactly as many rows as the limit allows."""
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
    """By its key, or as a client's own repeat; also when nothing is left."""
    create(anna, count=3, idempotency_key="k")
    assert create(anna, count=3, idempotency_key="k").is_replayed
    assert create(anna, count=3, is_repeat=True).is_replayed
    assert counted() == 3


def test_what_was_refused_before_the_insert_costs_nothing(anna: WhitelistedUser) -> None:
    """The count goes with the transaction."""
    create(anna, idempotency_key="k")
    with pytest.raises(InvalidRequestError):
        create(anna, idempotency_key="k", body='{"other": 1}')
    assert counted() == 1


# --- given back ---


def under_way(anna: WhitelistedUser, state: str, **columns: Any) -> tuple[Task, Claim]:
    """A counted task that a runner holds in this state."""
    (task,) = create(anna).tasks
    now = timezone.now()
    Task.objects.filter(pk=task.pk).update(state=state, runner=ME, attempt_count=1, submit_at=now, **columns)
    return task, Claim(task.pk, task.kind, ME, 1, now)


def cancel(task: Task) -> None:
    """As its caller would."""
    cancel_task(str(task.pk), "user:anna", timezone.now())


IN_QUEUE: dict[str, Callable[[Task], object]] = {
    "cancelled": cancel,
    "withdrawn": lambda task: withdraw_tasks([task.pk], timezone.now()),
    "failed": lambda _: records.fail_queued("image", BROKEN, timezone.now()),
    "expired": lambda _: records.expire_queued(timezone.now() + timedelta(days=1)),
}


@pytest.mark.parametrize("end", IN_QUEUE.values(), ids=IN_QUEUE)
def test_what_ends_in_the_queue_is_given_back_once(anna: WhitelistedUser, end: Callable[[Task], object]) -> None:
    """Bing never had it; another of the same user stays counted."""
    under_way(anna, State.POLLING)
    (task,) = create(anna).tasks
    end(task)
    task.refresh_from_db()
    assert task.is_finished and task.counted_on is None
    assert counted() == 1
    give_back([task.pk])
    assert counted() == 1


def test_many_are_given_back_to_many(anna: WhitelistedUser) -> None:
    """However many steps it takes, each holder's share to their own counter; tasks of nobody's among them."""
    bert, day = make_user("bert"), limits.take_quota(anna, "image", 3, NOW)
    limits.take_quota(bert, "image", records.ENDED_AT_ONCE, NOW)
    shares = {anna.holder: 2, bert.holder: records.ENDED_AT_ONCE, "open": 2}
    fields: dict[str, Any] = dict.fromkeys(("created_at", "next_at", "deadline_at"), NOW)
    waiting = [(holder, day if holder != "open" else None) for holder, count in shares.items() for _ in range(count)]
    Task.objects.bulk_create(Task(holder=holder, counted_on=on, prompt="a cat", **fields) for holder, on in waiting)
    assert records.fail_queued("image", BROKEN, timezone.now()) == len(waiting)
    assert dict(UsageCounter.objects.values_list("holder", "count")) == {anna.holder: 1, bert.holder: 0}
    assert not Task.objects.exclude(counted_on=None).exists()


AT_BING: dict[str, tuple[str, dict[str, Any], Callable[[Claim], object], bool]] = {
    "refused": (State.SUBMITTING, {}, lambda c: records.record_refused(c, REFUSED, timezone.now()), False),
    "refused after a wish to cancel": (
        State.SUBMITTING, {"cancel_requested": True},
        lambda c: records.record_refused(c, REFUSED, timezone.now()), False,
    ),
    "not taken after a wish to cancel": (
        State.SUBMITTING, {"cancel_requested": True},
        lambda c: records.record_requeued(c, BROKEN, timezone.now(), account_id=None, is_counted=True), False,
    ),
    "tried again": (
        State.SUBMITTING, {},
        lambda c: records.record_requeued(c, BROKEN, timezone.now(), account_id=None, is_counted=True), True,
    ),
    "accepted": (State.SUBMITTING, {}, lambda c: records.record_accepted(c, "1-a", "fast", timezone.now()), True),
    "accepted after a wish to cancel": (
        State.SUBMITTING, {"cancel_requested": True},
        lambda c: records.record_accepted(c, "1-a", "fast", timezone.now()), True,
    ),
    "a fault on the way": (
        State.SUBMITTING, {}, lambda c: records.record_failed(c, BROKEN, timezone.now(), keeps_slot=True), True,
    ),
    "uncertain": (State.SUBMITTING, {}, lambda c: records.record_uncertain(c, BROKEN), True),
    "never known": (State.UNCERTAIN, {}, lambda c: records.record_unknown(c, timezone.now()), True),
    "failed at Bing": (State.POLLING, {}, lambda c: records.record_failed(c, REFUSED, timezone.now()), True),
    "too late": (State.POLLING, {}, lambda c: records.record_timed_out(c, timezone.now()), True),
    "somebody else's by now": (
        State.POLLING, {}, lambda c: records.record_refused(Claim(c.task_id, c.kind, "other", 1, c.submit_at), REFUSED,
        timezone.now()), True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("state", "columns", "end", "is_counted"), AT_BING.values(), ids=AT_BING)
def test_what_bing_may_have_taken_counts(
    anna: WhitelistedUser, state: str, columns: dict[str, Any], end: Callable[[Claim], object], is_counted: bool
) -> None:
    """And only that; doing it again changes nothing."""
    task, claim = under_way(anna, state, **columns)
    for _ in range(2):
        end(claim)
        task.refresh_from_db()
        assert (task.counted_on is not None) == is_counted == bool(counted())


def test_what_is_cancelled_while_bing_works_counts(anna: WhitelistedUser) -> None:
    """Bing goes on with it."""
    make_runner(id=ME)
    task, _ = under_way(anna, State.POLLING)
    cancel(task)
    task.refresh_from_db()
    assert (task.state, counted()) == (State.CANCELLED, 1)


def test_of_two_who_end_it_one_gives_it_back(anna: WhitelistedUser) -> None:
    """Eight cancel the same task at the same moment, while the sweep gives it up."""
    create(anna)
    (task,) = create(anna).tasks
    ends = [lambda: records.expire_queued(timezone.now() + timedelta(days=1)), lambda: withdraw_tasks([task.pk], NOW)]
    in_threads(lambda: ends.pop()() if ends else withdraw_tasks([task.pk], NOW), times=8)
    assert Task.objects.unfinished().count() == 0
    assert counted() == 0
