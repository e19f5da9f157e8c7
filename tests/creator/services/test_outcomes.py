"""Outcomes: every outcome in every state, and what each transition leaves in the row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bingproject.errors import AccountThrottledError, InternalError, PromptRejectedError, UpstreamUnavailableError
from creator.models import EventKind, Result, State, Task, TaskEvent
from creator.protocol import Images, Video
from creator.services.outcomes import (
    TRANSITIONS,
    Accepted,
    Completed,
    Crashed,
    Failed,
    Pending,
    Rejected,
    Requeued,
    TaskOutcome,
    TimedOut,
    Uncertain,
    Unresolved,
)
from creator.services.running_task import Claim
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db
ME, ANOTHER = "here/boot/1/1/1/a", "there/boot/1/1/1/b"
NOW = timezone.now()
SLOT_END = NOW + timedelta(seconds=120)
BROKEN = UpstreamUnavailableError(detail="cut")
LINE = "upstream_unreachable: cut"

OUTCOMES: tuple[TaskOutcome, ...] = (
    Accepted("1-abc", "/images/create/1-abc", "fast"),
    Rejected(BROKEN),
    Requeued(BROKEN, 5.0, is_counted=True, tried_accounts=(7,)),
    Uncertain(BROKEN),
    Unresolved(),
    Pending(1.0, "down", (EventKind.TROUBLE, "down")),
    Completed(Images(("https://b/1",), "a fine cat"), "3 polls"),
    TimedOut("3 polls"),
    Failed(BROKEN, may_run=True),
    Crashed(),
)
ENDED = {"runner": None, "finished_at": NOW}
CANCELLED = {**ENDED, "state": State.CANCELLED, "error_code": "cancelled"}
ANSWER = {
    "request_id": "1-abc", "lane": "fast", "accepted_at": NOW, "deadline_at": NOW + timedelta(seconds=900),
}  # fmt: skip
FAILED = {
    **ENDED, "state": State.FAILED, "error_code": "upstream_unreachable", "error_message": BROKEN.message,
    "error_detail": LINE,
}  # fmt: skip
INTERNAL = {
    "state": State.FAILED, "error_code": "internal", "error_detail": "internal: see the log for the stack",
    "error_message": InternalError().message, "slot_until": SLOT_END, **ENDED,
}  # fmt: skip
QUEUED = {
    "state": State.QUEUED, "runner": None, "account_id": None, "submit_at": None, "retry_count": 1,
    "next_at": NOW + timedelta(seconds=5), "tried_accounts": [7], "error_detail": LINE,
}  # fmt: skip
# The columns that change, by outcome, state, and whether the caller has asked to cancel; None: in either case.
CHANGES: dict[tuple[type[TaskOutcome], State, bool | None], dict[str, Any]] = {
    (Accepted, State.SUBMITTING, False): {"state": State.POLLING, **ANSWER},
    (Accepted, State.SUBMITTING, True): {**CANCELLED, **ANSWER, "slot_until": SLOT_END},
    (Accepted, State.UNCERTAIN, False): {"state": State.POLLING, "runner": None, **ANSWER},
    (Accepted, State.UNCERTAIN, True): {**CANCELLED, **ANSWER, "slot_until": SLOT_END},
    (Rejected, State.SUBMITTING, False): FAILED,
    (Rejected, State.SUBMITTING, True): CANCELLED,
    (Requeued, State.SUBMITTING, False): QUEUED,
    (Requeued, State.SUBMITTING, True): CANCELLED,
    (Uncertain, State.SUBMITTING, None): {"state": State.UNCERTAIN, "error_detail": LINE},
    (Unresolved, State.UNCERTAIN, False): {
        **ENDED, "state": State.FAILED, "error_code": "submit_outcome_unknown", "slot_until": SLOT_END,
    },
    (Unresolved, State.UNCERTAIN, True): {**CANCELLED, "slot_until": SLOT_END},
    (Pending, State.POLLING, None): {},
    (Completed, State.POLLING, None): {
        **ENDED, "state": State.COMPLETED, "error_detail": "", "revised_prompt": "a fine cat",
    },
    (TimedOut, State.POLLING, None): {
        **ENDED, "state": State.EXPIRED, "error_code": "timeout", "slot_until": SLOT_END,
        "error_message": "Bing did not finish in time. Start a new task.",
    },
    (Failed, State.SUBMITTING, None): {**FAILED, "slot_until": SLOT_END},
    (Failed, State.UNCERTAIN, None): {**FAILED, "slot_until": SLOT_END},
    (Failed, State.POLLING, None): {**FAILED, "slot_until": SLOT_END},
    (Crashed, State.SUBMITTING, None): {
        "state": State.UNCERTAIN, "error_detail": "internal: see the log for the stack",
    },
    (Crashed, State.UNCERTAIN, None): INTERNAL,
    (Crashed, State.POLLING, None): INTERNAL,
}  # fmt: skip


def _expected(outcome: TaskOutcome, state: State, is_cancelled: bool) -> dict[str, Any] | None:
    kind = type(outcome)
    return CHANGES.get((kind, state, is_cancelled), CHANGES.get((kind, state, None)))


PAIRS = [
    pytest.param(outcome, state, id=f"{type(outcome).__name__}-{state}") for outcome in OUTCOMES for state in State
]


def _claimed(state: str, **columns: Any) -> tuple[Task, Claim]:
    defaults: dict[str, Any] = {
        "runner": ME,
        "attempt_count": 1,
        "submit_at": NOW,
        "account": make_account(),
        "error_detail": "a try",
    }
    task = make_task(state=state, **(defaults | columns))
    return task, Claim(task.pk, task.kind, ME, 1, NOW)


def _columns(task: Task) -> dict[str, Any]:
    return dict(Task.objects.filter(pk=task.pk).values().get())


def _row(task: Task) -> Task:
    return Task.objects.get(pk=task.pk)


def test_the_table_knows_every_outcome() -> None:
    """The table contains exactly the transitions that these tests walk."""
    assert set(TRANSITIONS) == {type(outcome) for outcome in OUTCOMES}
    named = {(kind, source) for kind, ways in TRANSITIONS.items() for way in ways for source in way.sources}
    assert named == {(kind, state) for kind, state, _ in CHANGES}
    heeding = [(kind, way) for kind, ways in TRANSITIONS.items() for way in ways if way.heeds_cancel]
    heeded = {(kind, source) for kind, way in heeding for source in way.sources}
    assert heeded == {(kind, state) for kind, state, is_cancelled in CHANGES if is_cancelled}


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["", "cancel requested"])
@pytest.mark.parametrize(("outcome", "state"), PAIRS)
def test_an_outcome_changes_what_the_table_says_and_nothing_else(
    outcome: TaskOutcome, state: State, is_cancelled: bool
) -> None:
    """Column by column; a pair outside the table leaves the row, its results and its timeline unchanged."""
    task, claim = _claimed(state, cancel_requested=is_cancelled)
    before = _columns(task)
    reached = outcome.apply(claim, NOW)
    after = _columns(task)
    expected = _expected(outcome, state, is_cancelled)
    assert after == before | (expected or {})
    if expected is None:
        assert (reached, TaskEvent.objects.count(), Result.objects.count()) == (None, 0, 0)
    else:
        is_late = isinstance(outcome, Accepted) and state == State.UNCERTAIN
        assert reached == (None if is_late else after["state"])
        assert TaskEvent.objects.filter(task=task).exists()


@pytest.mark.parametrize("change", [{"runner": ANOTHER}, {"runner": None}, {"attempt_count": 2}], ids=str)
@pytest.mark.parametrize(("outcome", "state"), PAIRS)
def test_a_row_of_another_runner_or_attempt_is_not_changed(
    outcome: TaskOutcome, state: State, change: dict[str, Any]
) -> None:
    """Except that the request id of the same attempt is stored if another runner made the row uncertain."""
    task, claim = _claimed(state, **change)
    before = _columns(task)
    reached = outcome.apply(claim, NOW)
    is_late = isinstance(outcome, Accepted) and state == State.UNCERTAIN and "runner" in change
    # A step about a poll is guarded by the runner alone: a runner polls one attempt at a time.
    if not (isinstance(outcome, Pending) and "attempt_count" in change):
        assert reached is None
    assert _columns(task) == before | (CHANGES[Accepted, State.UNCERTAIN, False] if is_late else {})


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_an_outcome_that_is_applied_twice_changes_the_row_once(outcome: TaskOutcome) -> None:
    """As after a commit that only seemed to fail; the event of a poll is not in the row."""
    (transition, *_) = TRANSITIONS[type(outcome)]
    task, claim = _claimed(transition.sources[0])
    assert outcome.apply(claim, NOW) is not None
    once = _columns(task), TaskEvent.objects.count()
    if isinstance(outcome, Failed | Crashed | Pending):
        return  # of several states, so what they may do next is in the table
    assert outcome.apply(claim, NOW + timedelta(seconds=1)) is None
    assert (_columns(task), TaskEvent.objects.count()) == once


@pytest.mark.parametrize(("kind", "seconds"), [("image", 900), ("video", 21600)])
def test_acceptance_sets_the_deadline_of_the_result(kind: str, seconds: float) -> None:
    """The deadline depends on the kind."""
    task, claim = _claimed(State.SUBMITTING, kind=kind)
    assert Accepted("1-abc", "", "fast").apply(claim, NOW) == State.POLLING
    assert _row(task).deadline_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("kind", "seconds"), [("image", 120), ("video", 600)])
def test_an_accepted_task_with_a_request_to_cancel_is_cancelled(kind: str, seconds: float) -> None:
    """Its request id is stored, and the slot stays taken for as long as such a job usually runs."""
    task, claim = _claimed(State.SUBMITTING, kind=kind, cancel_requested=True)
    assert Accepted("1-abc", "", "fast").apply(claim, NOW) == State.CANCELLED
    task = _row(task)
    assert (task.state, task.request_id) == (State.CANCELLED, "1-abc")
    assert task.slot_until == NOW + timedelta(seconds=seconds)


def test_a_rejected_task_stores_the_error() -> None:
    """Code, message and Retry-After are in the row; the slot is free."""
    task, claim = _claimed(State.SUBMITTING)
    Rejected(AccountThrottledError(code="throttled", retry_after=60)).apply(claim, NOW)
    task = _row(task)
    assert (task.state, task.error_code, task.retry_after_seconds) == (State.FAILED, "throttled", 60)
    assert (task.slot_until, task.runner, task.finished_at) == (None, None, NOW)


def test_an_uncounted_try_leaves_the_count() -> None:
    """An account at fault does not use up one of the task's tries."""
    task, claim = _claimed(State.SUBMITTING)
    Requeued(BROKEN, 0.0, is_counted=False, tried_accounts=()).apply(claim, NOW)
    assert (_row(task).retry_count, _row(task).next_at) == (0, NOW)


@pytest.mark.parametrize("may_run", [False, True])
def test_a_failure_keeps_the_slot_while_bing_may_continue(may_run: bool) -> None:
    """A refusal of Bing's ends the work there, too."""
    task, claim = _claimed(State.POLLING)
    Failed(PromptRejectedError(), may_run=may_run, polls="1 poll").apply(claim, NOW)
    assert _row(task).slot_until == (SLOT_END if may_run else None)


def test_pictures_are_stored_in_bings_order() -> None:
    """Results keep their index; a second completion changes nothing."""
    _, claim = _claimed(State.POLLING)
    assert Completed(Images(("https://b/2", "https://b/1"), "a fine cat")).apply(claim, NOW)
    assert not Completed(Images(("https://b/3",), "")).apply(claim, NOW)
    assert list(Result.objects.values_list("index", "url")) == [(0, "https://b/2"), (1, "https://b/1")]


def test_a_video_is_stored() -> None:
    """Its URL is in the row."""
    task, claim = _claimed(State.POLLING, kind="video")
    Completed(Video("https://b/v"), "2 polls").apply(claim, NOW)
    assert (_row(task).video_url, TaskEvent.objects.get().text) == ("https://b/v", "the video; 2 polls")


def test_most_polls_write_nothing(django_assert_num_queries: Any) -> None:
    """Without an event there is not even a query."""
    _, claim = _claimed(State.POLLING)
    with django_assert_num_queries(0):
        assert Pending(1.0).apply(claim, NOW) is None
