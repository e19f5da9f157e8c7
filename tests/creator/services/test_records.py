"""What becomes of a row: each guarded write, its slot, its deadline, and pruning."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from bingproject.errors import AccountThrottledError, PromptRejectedError, UpstreamUnavailableError
from creator.models import IdempotencyKey, Result, State, Task
from creator.services import prune_tasks, records
from creator.services.records import Claim
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db
ME = "here/boot/1/1/1/a"
NOW = timezone.now()


def _claimed(state: str, **columns: Any) -> tuple[Task, Claim]:
    task = make_task(state=state, runner=ME, attempt_count=1, submit_at=NOW, account=make_account(), **columns)
    return task, Claim(task.pk, task.kind, ME, 1, NOW)


def _row(task: Task) -> Task:
    return Task.objects.get(pk=task.pk)


@pytest.mark.parametrize(("kind", "seconds"), [("image", 900), ("video", 21600)])
def test_acceptance_starts_the_clock_of_the_result(kind: str, seconds: float) -> None:
    """From here on the deadline is the kind's own."""
    task, claim = _claimed(State.SUBMITTING, kind=kind)
    assert records.record_accepted(claim, "1-abc", "fast", NOW)
    task = _row(task)
    assert (task.state, task.request_id, task.lane, task.runner) == (State.POLLING, "1-abc", "fast", ME)
    assert task.deadline_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("kind", "seconds"), [("image", 120), ("video", 600)])
def test_an_accepted_task_whose_cancelling_was_wished_is_cancelled(kind: str, seconds: float) -> None:
    """Its id is kept, and the slot stays taken for as long as such a job usually runs."""
    task, claim = _claimed(State.SUBMITTING, kind=kind, cancel_requested=True)
    assert not records.record_accepted(claim, "1-abc", "fast", NOW)
    task = _row(task)
    assert (task.state, task.request_id) == (State.CANCELLED, "1-abc")
    assert task.slot_until == NOW + timedelta(seconds=seconds)


def test_an_acceptance_that_comes_late_heeds_the_wish_to_cancel() -> None:
    """The outcome is known now: it ends `cancelled` with its slot taken. Without the wish it is anybody's to poll."""
    for wished, state in ((True, State.CANCELLED), (False, State.POLLING)):
        task, claim = _claimed(State.UNCERTAIN, cancel_requested=wished)
        Task.objects.filter(pk=task.pk).update(runner="of another")
        assert not records.record_accepted(claim, "1-abc", "fast", NOW)
        task = _row(task)
        assert (task.state, task.runner, task.request_id) == (state, None, "1-abc")
        assert (task.slot_until is not None, task.finished_at is not None) == (wished, wished)


def test_a_refused_task_says_why() -> None:
    """The code, the message and Bing's hint stand on the row; the slot is free."""
    task, claim = _claimed(State.SUBMITTING)
    records.record_refused(claim, AccountThrottledError(code="throttled", retry_after=60), NOW)
    task = _row(task)
    assert (task.state, task.error_code, task.retry_after_seconds) == (State.FAILED, "throttled", 60)
    assert (task.slot_until, task.runner, task.finished_at) == (None, None, NOW)


def test_a_requeued_task_forgets_its_account_and_remembers_that_it_refused() -> None:
    """It waits until `next_at`, and the account that turned it away is known."""
    task, claim = _claimed(State.SUBMITTING)
    later = NOW + timedelta(seconds=5)
    records.record_requeued(claim, UpstreamUnavailableError(), later, account_id=task.account_id, is_counted=True)
    row = _row(task)
    assert (row.state, row.account_id, row.runner, row.next_at) == (State.QUEUED, None, None, later)
    assert (row.retry_count, row.tried_accounts) == (1, [task.account_id])


@pytest.mark.parametrize("is_requeue", [True, False])
def test_a_refused_task_whose_cancelling_was_wished_is_cancelled(is_requeue: bool) -> None:
    """Nothing runs at Bing: it is cancelled, with its slot free."""
    task, claim = _claimed(State.SUBMITTING, cancel_requested=True)
    error = PromptRejectedError()
    if is_requeue:
        later = timezone.now() + timedelta(seconds=30)
        records.record_requeued(claim, error, later, account_id=None, is_counted=True)
    else:
        records.record_refused(claim, error, NOW)
    row = _row(task)
    assert (row.state, row.slot_until) == (State.CANCELLED, None)
    assert row.finished_at is not None and row.finished_at <= timezone.now()


@pytest.mark.parametrize(("wished", "state", "code"), [
    (False, State.FAILED, "submit_outcome_unknown"),
    (True, State.CANCELLED, "cancelled"),
])  # fmt: skip
def test_an_unknown_outcome_ends_with_its_slot_taken(wished: bool, state: str, code: str) -> None:
    """Bing may be at it: the slot is taken until such a job would have ended, counted from the submit."""
    task, claim = _claimed(State.SUBMITTING)
    assert records.record_uncertain(claim, UpstreamUnavailableError())
    Task.objects.filter(pk=task.pk).update(cancel_requested=wished)
    assert records.record_unknown(claim, NOW)
    task = _row(task)
    assert (task.state, task.error_code) == (state, code)
    assert task.slot_until == NOW + timedelta(seconds=120)


def test_pictures_are_stored_in_bings_order() -> None:
    """Results keep their index; a second completion changes nothing."""
    task, claim = _claimed(State.POLLING)
    assert records.record_images(claim, ["https://b/2", "https://b/1"], "a fine cat", NOW)
    assert not records.record_images(claim, ["https://b/3"], "", NOW)
    assert list(Result.objects.values_list("index", "url")) == [(0, "https://b/2"), (1, "https://b/1")]
    assert (_row(task).state, _row(task).revised_prompt) == (State.COMPLETED, "a fine cat")


def test_a_picture_that_comes_after_the_cancelling_is_not_recorded() -> None:
    """Whoever commits first decides."""
    task, claim = _claimed(State.POLLING)
    Task.objects.filter(pk=task.pk).update(state=State.CANCELLED)
    assert not records.record_images(claim, ["https://b/1"], "", NOW)
    assert Result.objects.count() == 0


def test_a_result_that_never_came_is_a_timeout() -> None:
    """The row is `expired`, its code `timeout`, and its slot counts on."""
    task, claim = _claimed(State.POLLING)
    records.record_timed_out(claim, NOW)
    assert (_row(task).state, _row(task).error_code) == (State.EXPIRED, "timeout")
    assert _row(task).slot_until is not None


def test_a_bug_of_ours_never_sends_twice() -> None:
    """A submit that a bug interrupted is uncertain; a poll that one interrupted has failed as internal."""
    sending, claim = _claimed(State.SUBMITTING)
    records.record_bug(claim, NOW)
    assert _row(sending).state == State.UNCERTAIN
    polling, claim = _claimed(State.POLLING)
    records.record_bug(claim, NOW)
    assert (_row(polling).state, _row(polling).error_code) == (State.FAILED, "internal")


def test_waiting_tasks_of_a_kind_fail_together() -> None:
    """Only those that are due: what rests may find an account later."""
    due, video = make_task(), make_task(kind="video")
    resting = make_task(next_at=NOW + timedelta(minutes=5))
    assert records.fail_queued("image", AccountThrottledError(code="throttled"), timezone.now()) == 1
    assert _row(due).error_code == "throttled"
    assert {_row(video).state, _row(resting).state} == {State.QUEUED}


def test_what_waits_too_long_expires() -> None:
    """`expired` from the deadline on, not before."""
    late, early = make_task(deadline_at=NOW - timedelta(seconds=1)), make_task()
    assert records.expire_queued(timezone.now()) == 1
    assert (_row(late).state, _row(late).error_code, _row(early).state) == (State.EXPIRED, "expired", State.QUEUED)


def test_durations_of_what_finished_lately_are_known() -> None:
    """(kind, model, lane) and seconds from acceptance to result."""
    make_task(state=State.COMPLETED, lane="fast", accepted_at=NOW - timedelta(seconds=9), finished_at=NOW)
    make_task(state=State.COMPLETED, accepted_at=None)
    make_task(state=State.FAILED, accepted_at=NOW)
    assert records.recent_durations() == [(("image", "DALLE", "fast"), 9.0)]


def test_old_finished_tasks_are_pruned_and_open_ones_kept(settings: Settings) -> None:
    """Retention counts from creation; a task that still runs is never deleted."""
    settings.TASK_RETENTION_DAYS = 10
    long_ago = NOW - timedelta(days=11)
    old = make_task(state=State.COMPLETED, created_at=long_ago, images=["https://b/1"])
    kept = [make_task(state=State.POLLING, created_at=long_ago), make_task(state=State.COMPLETED)]
    IdempotencyKey.objects.create(
        holder="open", route="/x", key="k", body_hash="", batch=uuid.uuid4(), created_at=long_ago
    )
    assert prune_tasks(NOW) == 1
    assert set(Task.objects.values_list("pk", flat=True)) == {task.pk for task in kept}
    assert not Task.objects.filter(pk=old.pk).exists()
    assert not IdempotencyKey.objects.exists()
