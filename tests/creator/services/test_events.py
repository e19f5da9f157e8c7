"""Timelines: each step has a row, written in the transaction that takes the step, and deleted with its task."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bingproject.errors import ConflictError, PromptRejectedError, UpstreamUnavailableError
from bingproject.sandbox.server import SandboxServer
from bingproject.security import request_id
from creator import services
from creator.models import EventKind, State, Task, TaskEvent
from creator.services import claims
from creator.services.events import ROWS_AT_ONCE, Step, log_poll, log_steps
from creator.services.outcomes import Accepted, Failed, Rejected, Requeued, TimedOut, Uncertain, Unresolved
from creator.services.queued_tasks import expire_queued, fail_queued
from creator.services.running_task import Claim
from creator.services.task_creation import GenerationRequest, TaskOrigin
from tests.creator.engine.running import all_finished, claim_one, run_until
from tests.factories import make_account, make_runner, make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def timeline(task: Task) -> list[str]:
    """Return the kinds of a task's steps, in order."""
    return list(task.events.values_list("kind", flat=True))


def claimed() -> tuple[Task, Claim]:
    """Return a queued task that a runner has claimed, and its claim."""
    make_account("anna")
    task = make_task()
    runner = make_runner()
    row = claim_one(runner.pk, task.kind)
    return task, Claim(row.pk, row.kind, runner.pk, row.attempt_count, row.submit_at or NOW, "anna")


def test_steps_are_stored_as_logged() -> None:
    """Time, account and request id are stored; a long text is cut; many steps take few statements."""
    task = make_task()
    log_steps(Step(task.pk, EventKind.SUBMITTED, NOW, "x" * 600, "anna", "1-abc"))
    event = TaskEvent.objects.get()
    assert (event.task, event.at, event.account_name, event.request_id) == (task, NOW, "anna", "1-abc")
    assert (len(event.text), event.text[-1], event.kind) == (500, "…", "submitted")
    with CaptureQueriesContext(connection) as queries:
        log_steps(*(Step(task.pk, EventKind.WAITING, NOW) for _ in range(ROWS_AT_ONCE + 1)))
    assert (len(queries), TaskEvent.objects.count()) == (2, ROWS_AT_ONCE + 2)


def test_a_step_is_undone_with_its_transaction() -> None:
    """A rollback removes the step."""
    task = make_task()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        log_steps(Step(task.pk, EventKind.CLAIMED, NOW))
        1 / 0  # noqa: B018 - the failure is the point
    assert timeline(task) == []


def test_only_the_polling_runner_logs_a_poll() -> None:
    """Neither a runner that lost the task nor one after its end adds a step."""
    task = make_task(state=State.POLLING, runner="me")
    step = Step(task.pk, EventKind.WAITING, NOW, "5 polls", "anna")
    assert log_poll(step, "me")
    assert not log_poll(step, "another")
    Task.objects.update(state=State.COMPLETED)
    assert not log_poll(step, "me")
    assert timeline(task) == ["waiting"]


@pytest.mark.django_db(transaction=True)
def test_a_finished_task_has_every_step(sandbox: SandboxServer) -> None:
    """Requested, given to an account, accepted under Bing's request id, completed with the number of polls."""
    make_account("anna")
    token = request_id.current.set("a-request")
    (task,) = services.create_task(
        GenerationRequest("image", "a fox"), TaskOrigin("open", "create/image"), timezone.now(), 10
    ).tasks
    request_id.current.reset(token)
    run_until(all_finished)
    task.refresh_from_db()
    accepted, given, taken, done = task.events.all()
    assert timeline(task) == ["accepted", "claimed", "submitted", "completed"]
    assert (accepted.text, accepted.request_id) == ("create/image", "a-request")
    assert (given.text, given.account_name) == ("attempt 1", "anna")
    assert (taken.request_id, taken.text, taken.account_name) == (task.request_id, "fast lane", "anna")
    assert done.text.startswith("4 pictures; ") and "poll" in done.text


def test_a_repeated_write_logs_its_step_once() -> None:
    """A guarded write that is done twice adds no second step."""
    task, claim = claimed()
    for _ in range(2):
        Requeued(UpstreamUnavailableError(), 0.0, is_counted=True, tried_accounts=()).apply(claim, NOW)
    assert timeline(task) == ["claimed", "requeued"]
    again = Claim(task.pk, task.kind, claim.runner, claim_one(claim.runner).attempt_count, NOW)
    for _ in range(2):
        Uncertain(UpstreamUnavailableError(detail="cut")).apply(again, NOW)
    for _ in range(2):
        Unresolved().apply(again, NOW)
    assert timeline(task) == ["claimed", "requeued", "claimed", "uncertain", "failed"]


def test_a_failure_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """The log has task and cause, because the caller may be gone. A refused prompt is no warning."""
    tasks = [make_task(state=state, runner="me") for state in (State.SUBMITTING, State.POLLING, State.SUBMITTING)]
    first, late, refused = (Claim(task.pk, "image", "me", 0, NOW) for task in tasks)
    Rejected(UpstreamUnavailableError(detail="ConnectError: no route")).apply(first, NOW)
    TimedOut().apply(late, NOW)
    Rejected(PromptRejectedError(code="blocked")).apply(refused, NOW)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"task {first.task_id} failed: upstream_unreachable: ConnectError: no route",
        f"task {late.task_id} failed: timeout: no result in time",
    ]


def test_a_late_answer_a_refusal_and_a_time_out_are_logged() -> None:
    """Each step has its details."""
    task, claim = claimed()
    Task.objects.update(state=State.UNCERTAIN, runner="another")
    Accepted("1-abc", "", "fast").apply(claim, NOW)
    assert task.events.last().text == "fast lane; the answer came late"  # type: ignore[union-attr]  # there is one
    Task.objects.update(runner=claim.runner)
    TimedOut("9 polls").apply(claim, NOW)
    other = make_task(state=State.POLLING, runner="me")
    failed = Failed(PromptRejectedError(code="blocked"), may_run=False, polls="1 poll")
    failed.apply(Claim(other.pk, "image", "me", 0, NOW), NOW)
    assert task.events.last().text == "no result in time; 9 polls"  # type: ignore[union-attr]
    assert other.events.get().text.startswith("blocked: ")
    assert other.events.get().text.endswith("; 1 poll")


def test_cancelling_says_by_whom() -> None:
    """For a cancellation at once, for a stored request, and when Bing has answered."""
    waiting = make_task(caller_id="user:anna")
    services.cancel_task(str(waiting.pk), "user:anna", NOW)
    task, claim = claimed()
    services.cancel_task(str(task.pk), None, NOW)
    Accepted("1-abc", "", "fast").apply(claim, NOW)
    assert [event.text for event in waiting.events.all()] == ["by its caller"]
    assert timeline(task) == ["claimed", "cancel_wished", "submitted", "cancelled"]
    with pytest.raises(ConflictError):
        services.cancel_task(str(task.pk), None, NOW)
    assert len(timeline(task)) == 4


def test_each_task_that_ends_in_the_queue_gets_a_step() -> None:
    """Failed without an account, expired or withdrawn: only tasks that the write ended get a step."""
    failing, video = make_task(), make_task(kind="video")
    fail_queued("image", UpstreamUnavailableError(), timezone.now())
    services.withdraw_tasks([failing.pk, video.pk], NOW)
    late = make_task(deadline_at=NOW - timedelta(seconds=1))
    expire_queued(timezone.now())
    assert (timeline(failing), timeline(video), timeline(late)) == (["failed"], ["cancelled"], ["expired"])


def test_tasks_of_a_dead_runner_get_a_step() -> None:
    """Adopted, uncertain or requeued."""
    states = (State.POLLING, State.SUBMITTING, State.UNCERTAIN)
    tasks = [make_task(state=state, runner="gone", submit_at=NOW) for state in states]
    runner = make_runner()
    claims.adopt(runner.pk, 10)
    assert [timeline(task) for task in tasks] == [["adopted"], ["uncertain"], ["adopted"]]
    unsent = make_task(state=State.SUBMITTING, runner=runner.pk, submit_at=NOW)
    doubtful = make_task(state=State.SUBMITTING, runner=runner.pk, submit_at=NOW)
    claims.recover_own(runner.pk, [task.pk for task in tasks], [doubtful.pk])
    assert (timeline(unsent), timeline(doubtful)) == (["requeued"], ["uncertain"])


def test_a_timeline_is_deleted_with_its_task() -> None:
    """Pruning leaves no steps behind."""
    task = make_task(state=State.COMPLETED, created_at=NOW - timedelta(days=365))
    log_steps(Step(task.pk, EventKind.COMPLETED, NOW))
    assert services.prune_tasks(NOW) == 1
    assert not TaskEvent.objects.exists()


def test_texts_of_steps_fit_their_columns() -> None:
    """Raw SQL stores the beginning of a page, whatever it contains and however long it is."""
    runner = make_runner()
    task = make_task(state="polling", runner=runner.pk)
    odd = "a\x00b\ud800c\U0001f98a" + "x" * 5000
    step = Step(task.pk, EventKind.FAILED, timezone.now(), odd, odd, odd)
    log_steps(step)
    assert log_poll(step, runner.pk)
    events = list(TaskEvent.objects.filter(task=task))
    assert len(events) == 2
    for event in events:
        assert event.text.startswith("ab\ufffdc\U0001f98ax")
        assert event.text.endswith("…")
        assert len(event.text) <= 500
        assert event.account_name == ("ab\ufffdc\U0001f98a" + "x" * 100)[:100]
