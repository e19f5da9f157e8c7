"""A task's story: each step leaves its line, in the transaction that makes the step, and goes with its task."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bingproject import request_id
from bingproject.errors import ConflictError, PromptRejectedError, UpstreamUnavailableError
from bingproject.sandbox.server import SandboxServer
from creator import services
from creator.models import EventKind, State, Task, TaskEvent
from creator.services import claims, records
from creator.services.events import ROWS_AT_ONCE, Step, tell, tell_look
from creator.services.intake import Origin, Wish
from creator.services.records import Claim
from tests.creator.engine import all_finished, claim_one, run_until
from tests.factories import make_account, make_runner, make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def story(task: Task) -> list[str]:
    """The kinds of a task's steps, in order."""
    return list(task.events.values_list("kind", flat=True))


def claimed() -> tuple[Task, Claim]:
    """A queued task that a runner has claimed, and its claim."""
    make_account("anna")
    task = make_task()
    runner = make_runner()
    row = claim_one(runner.pk, task.kind)
    return task, Claim(row.pk, row.kind, runner.pk, row.attempt_count, row.submit_at or NOW, "anna")


def test_steps_are_kept_as_told() -> None:
    """Time, account and request id stand on the line; a long text is cut; many lines are few statements."""
    task = make_task()
    tell(Step(task.pk, EventKind.SUBMITTED, NOW, "x" * 600, "anna", "1-abc"))
    event = TaskEvent.objects.get()
    assert (event.task, event.at, event.account_name, event.request_id) == (task, NOW, "anna", "1-abc")
    assert (len(event.text), event.text[-1], event.kind) == (500, "…", "submitted")
    with CaptureQueriesContext(connection) as queries:
        tell(*(Step(task.pk, EventKind.WAITING, NOW) for _ in range(ROWS_AT_ONCE + 1)))
    assert (len(queries), TaskEvent.objects.count()) == (2, ROWS_AT_ONCE + 2)


def test_a_step_is_undone_with_its_transaction() -> None:
    """What was rolled back never happened."""
    task = make_task()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell(Step(task.pk, EventKind.CLAIMED, NOW))
        1 / 0  # noqa: B018 - the failure is the point
    assert story(task) == []


def test_a_look_is_told_only_by_who_polls_the_task() -> None:
    """Neither by a runner that lost it, nor after its end."""
    task = make_task(state=State.POLLING, runner="me")
    step = Step(task.pk, EventKind.WAITING, NOW, "5 looks", "anna")
    assert tell_look(step, "me")
    assert not tell_look(step, "another")
    Task.objects.update(state=State.COMPLETED)
    assert not tell_look(step, "me")
    assert story(task) == ["waiting"]


@pytest.mark.django_db(transaction=True)
def test_a_finished_task_tells_how_it_went(sandbox: SandboxServer) -> None:
    """Asked for, given to an account, taken by Bing under its request id, completed after so many looks."""
    make_account("anna")
    token = request_id.current.set("a-request")
    (task,) = services.create_task(Wish("image", "a fox"), Origin("open", "create/image"), timezone.now(), 10).tasks
    request_id.current.reset(token)
    run_until(all_finished)
    task.refresh_from_db()
    accepted, given, taken, done = task.events.all()
    assert story(task) == ["accepted", "claimed", "submitted", "completed"]
    assert (accepted.text, accepted.request_id) == ("create/image", "a-request")
    assert (given.text, given.account_name) == ("attempt 1", "anna")
    assert (taken.request_id, taken.text, taken.account_name) == (task.request_id, "fast lane", "anna")
    assert done.text.startswith("4 pictures; ") and "look" in done.text


def test_a_retry_a_doubt_and_a_failure_are_told_once() -> None:
    """A guarded write that is done twice tells nothing the second time."""
    task, claim = claimed()
    for _ in range(2):
        records.record_requeued(claim, UpstreamUnavailableError(), NOW, account_id=None, is_counted=True)
    assert story(task) == ["claimed", "requeued"]
    again = Claim(task.pk, task.kind, claim.runner, claim_one(claim.runner).attempt_count, NOW)
    for _ in range(2):
        records.record_uncertain(again, UpstreamUnavailableError(detail="cut"))
    for _ in range(2):
        records.record_unknown(again, NOW)
    assert story(task) == ["claimed", "requeued", "claimed", "uncertain", "failed"]


def test_a_late_answer_a_refusal_and_a_time_out_are_told() -> None:
    """Each with what is known of it."""
    task, claim = claimed()
    Task.objects.update(state=State.UNCERTAIN, runner="another")
    records.record_accepted(claim, "1-abc", "fast", NOW)
    assert task.events.last().text == "fast lane; the answer came late"  # type: ignore[union-attr]  # there is one
    Task.objects.update(runner=claim.runner)
    records.record_timed_out(claim, NOW, "9 looks")
    other = make_task(state=State.POLLING, runner="me")
    records.record_failed(
        Claim(other.pk, "image", "me", 1, NOW), PromptRejectedError(code="blocked"), NOW, looks="1 look"
    )
    assert task.events.last().text == "no result in time; 9 looks"  # type: ignore[union-attr]
    assert other.events.get().text.startswith("blocked: ")
    assert other.events.get().text.endswith("; 1 look")


def test_cancelling_says_by_whom() -> None:
    """At once, as a wish, and once the wish is granted."""
    waiting = make_task(holder="user:anna")
    services.cancel_task(str(waiting.pk), "user:anna", NOW)
    task, claim = claimed()
    services.cancel_task(str(task.pk), None, NOW)
    records.record_accepted(claim, "1-abc", "fast", NOW)
    assert [event.text for event in waiting.events.all()] == ["by its caller"]
    assert story(task) == ["claimed", "cancel_wished", "submitted", "cancelled"]
    with pytest.raises(ConflictError):
        services.cancel_task(str(task.pk), None, NOW)
    assert len(story(task)) == 4


def test_what_ends_in_the_queue_is_told_of_each() -> None:
    """Failed for want of an account, expired, withdrawn: only those that the write ended."""
    failing, video = make_task(), make_task(kind="video")
    records.fail_queued("image", UpstreamUnavailableError(), timezone.now())
    services.withdraw_tasks([failing.pk, video.pk], NOW)
    late = make_task(deadline_at=NOW - timedelta(seconds=1))
    records.expire_queued(timezone.now())
    assert (story(failing), story(video), story(late)) == (["failed"], ["cancelled"], ["expired"])


def test_a_dead_runners_tasks_say_who_has_them_now() -> None:
    """Generations go on, half-sent requests are in doubt, what was never sent goes back."""
    states = (State.POLLING, State.SUBMITTING, State.UNCERTAIN)
    tasks = [make_task(state=state, runner="gone", submit_at=NOW) for state in states]
    runner = make_runner()
    claims.adopt(runner.pk, 10)
    assert [story(task) for task in tasks] == [["adopted"], ["uncertain"], ["adopted"]]
    unsent = make_task(state=State.SUBMITTING, runner=runner.pk, submit_at=NOW)
    claims.strays(runner.pk, [task.pk for task in tasks])
    assert story(unsent) == ["requeued"]


def test_a_story_goes_with_its_task() -> None:
    """Pruning leaves no lines behind."""
    task = make_task(state=State.COMPLETED, created_at=NOW - timedelta(days=365))
    tell(Step(task.pk, EventKind.COMPLETED, NOW))
    assert services.prune_tasks(NOW) == 1
    assert not TaskEvent.objects.exists()
