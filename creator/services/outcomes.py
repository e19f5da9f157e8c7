"""Outcomes of a running task: each one changes the task's row by itself.

`TRANSITIONS` is the whole table of states and outcomes. An outcome changes a row only while the row belongs to the same
runner, is on the same attempt and is in a state that the table names, so applying one twice or too late does no harm.
Run each `apply` in a group commit (`creator.engine.group_commit`).
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from bingproject.errors import CallerError, InternalError, ServiceError
from creator.models import AT_BING, FINISHED, EventKind, Result, State, Task, TaskQuerySet
from creator.protocol import Images, Video
from creator.services.durations import result_deadline, slot_end
from creator.services.events import log_poll
from creator.services.quotas import give_back
from creator.services.running_task import Claim

logger = logging.getLogger(__name__)

LONGEST_LINE = 2000  # an error's detail may be the beginning of a page


@dataclass(frozen=True, slots=True)
class Transition:
    """A way from any of `sources` to `target`.

    Attributes:
        heeds_cancel: The row becomes `cancelled` instead if its caller has asked for that meanwhile.
        is_late: The row may belong to another runner, which found it without an answer. It ends up with no runner, so
            that any live runner goes on with it.
    """

    sources: tuple[State, ...]
    target: State
    heeds_cancel: bool = False
    is_late: bool = False

    def rows(self, claim: Claim) -> TaskQuerySet:
        """Return the claim's row if this transition applies to it, else nothing."""
        # The attempt, too: a write repeated because its commit only seemed to fail must not change the next attempt.
        rows = Task.objects.filter(pk=claim.task_id, attempt_count=claim.attempt, state__in=self.sources)
        return rows if self.is_late else rows.filter(runner=claim.runner)

    def columns(self, state: State, claim: Claim, now: datetime, *, may_run: bool) -> dict[str, Any]:
        """Return what every row that comes to `state` gets."""
        columns: dict[str, Any] = {"state": state}
        # A row at Bing keeps its runner; an ended, requeued or late one is released.
        if self.is_late or state not in AT_BING:
            columns["runner"] = None
        if state in FINISHED:
            columns |= {"finished_at": now, "slot_until": slot_end(claim.kind, claim.submit_at) if may_run else None}
        if state == State.CANCELLED:
            columns["error_code"] = "cancelled"
        return columns


@dataclass(frozen=True, slots=True)
class TaskOutcome(ABC):
    """What Bing's answer, or the lack of one, means for a task."""

    @abstractmethod
    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Change the row as `TRANSITIONS` says and add the step to its timeline.

        Returns:
            The state that the claim's row came to; None if the row did not change or is no longer this runner's.
        """

    def _move(
        self,
        claim: Claim,
        now: datetime,
        columns: Mapping[State, Mapping[str, Any]],
        *,
        may_run: bool,
    ) -> tuple[Transition, State] | None:
        """Make the first transition that the row allows; return it with the state the row came to.

        Args:
            columns: What the row gets besides the columns of every such row, by the state it comes to.
            may_run: True if Bing may still work on the task, so that an ended row keeps its account's slot.
        """
        for transition in TRANSITIONS[type(self)]:
            rows = transition.rows(claim)
            if not transition.heeds_cancel:
                candidates = [(rows, transition.target)]
            else:
                # Opposite conditions, in this order: a request to cancel that comes in between is found by the second.
                candidates = [
                    (rows.filter(cancel_requested=False), transition.target),
                    (rows.filter(cancel_requested=True), State.CANCELLED),
                ]
            for candidate, state in candidates:
                common = transition.columns(state, claim, now, may_run=may_run)
                if candidate.update(**common, **columns.get(state, {})):
                    return transition, state
        return None


@dataclass(frozen=True, slots=True)
class Accepted(TaskOutcome):
    """Bing works on it under `request_id`; `location` is the page to visit once, "" if there is none."""

    request_id: str
    location: str
    lane: str

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Store the request id, so that the task is polled from here on and never sent again.

        A row that another runner took over as `uncertain` is still the same attempt: it goes back to `polling`, but it
        is not this runner's, so the result is None.
        """
        answer = {
            "request_id": self.request_id,
            "lane": self.lane,
            "accepted_at": now,
            "deadline_at": result_deadline(claim.kind, now),
        }
        moved = self._move(claim, now, {State.POLLING: answer, State.CANCELLED: answer}, may_run=True)
        if moved is None:
            return None
        transition, state = moved
        text = f"{self.lane} lane; the answer came late" if transition.is_late else f"{self.lane} lane"
        claim.log(EventKind.SUBMITTED, now, text, self.request_id)
        _log_if_cancelled(claim, state, now)
        return None if transition.is_late else state


@dataclass(frozen=True, slots=True)
class Rejected(TaskOutcome):
    """Bing certainly did not accept it, and sending it again would not help."""

    error: ServiceError

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Fail the task and give back its quota."""
        moved = self._move(claim, now, {State.FAILED: _error_columns(self.error)}, may_run=False)
        if moved is None:
            return None
        _, state = moved
        _log_if_cancelled(claim, state, now)
        if state == State.FAILED:
            _log_failure(claim, self.error, now)
        give_back([claim.task_id])
        return state


@dataclass(frozen=True, slots=True)
class Requeued(TaskOutcome):
    """Bing certainly did not accept it; another account, or the same one later, may do better.

    Attributes:
        is_counted: True if this counts as one of the task's tries.
        tried_accounts: Ids of the accounts that did not accept the task, this one included.
    """

    error: ServiceError
    delay_seconds: float
    is_counted: bool
    tried_accounts: tuple[int, ...]

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Put the task back into the queue, to be claimed again after the delay."""
        next_at = now + timedelta(seconds=self.delay_seconds)
        columns = {
            "account": None,
            "submit_at": None,
            "next_at": next_at,
            "retry_count": F("retry_count") + (1 if self.is_counted else 0),
            "tried_accounts": list(self.tried_accounts),
            "error_detail": error_line(self.error),
        }
        moved = self._move(claim, now, {State.QUEUED: columns}, may_run=False)
        if moved is None:
            return None
        _, state = moved
        if state == State.CANCELLED:
            _log_if_cancelled(claim, state, now)
            give_back([claim.task_id])
        else:
            claim.log(EventKind.REQUEUED, now, f"not before {next_at:%H:%M:%S}; {error_line(self.error)}")
        return state


@dataclass(frozen=True, slots=True)
class Uncertain(TaskOutcome):
    """Sent, but no answer came: the request is never sent again."""

    error: ServiceError

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Mark the task as uncertain; its account's slot stays taken."""
        moved = self._move(claim, now, {State.UNCERTAIN: _doubt_columns(self.error)}, may_run=True)
        if moved is None:
            return None
        claim.log(EventKind.UNCERTAIN, now, error_line(self.error))
        return moved[1]


@dataclass(frozen=True, slots=True)
class Unresolved(TaskOutcome):
    """The wait of an uncertain task is over, and no answer came."""

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Fail the task as `submit_outcome_unknown`."""
        moved = self._move(claim, now, {State.FAILED: {"error_code": "submit_outcome_unknown"}}, may_run=True)
        if moved is None:
            return None
        _, state = moved
        _log_if_cancelled(claim, state, now)
        if state == State.FAILED:
            claim.log(EventKind.FAILED, now, "submit_outcome_unknown: nobody knows whether Bing accepted it")
        return state


@dataclass(frozen=True, slots=True)
class Pending(TaskOutcome):
    """No result yet: poll again after at least `seconds`; 0 leaves it to the poll schedule.

    Attributes:
        failure: Why the poll failed, "" if it did not.
        event: The step to add to the timeline; None for most polls.
    """

    seconds: float = 0.0
    failure: str = ""
    event: tuple[EventKind, str] | None = None

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Add the event to the timeline, if there is one; the row stays as it is."""
        if self.event is None:
            return None
        is_logged = log_poll(claim.step(self.event[0], now, self.event[1]), claim.runner)
        return State.POLLING if is_logged else None


@dataclass(frozen=True, slots=True)
class Completed(TaskOutcome):
    """The result is there; `polls` says how many polls it took."""

    found: Images | Video
    polls: str = ""

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Store the pictures or the video."""
        urls: Sequence[str] = ()
        if isinstance(self.found, Video):
            what, result = "the video", {"video_url": self.found.url}
        else:
            urls = self.found.urls
            what = f"{len(urls)} picture{'' if len(urls) == 1 else 's'}"
            result = {"revised_prompt": self.found.prompt}
        moved = self._move(claim, now, {State.COMPLETED: {"error_detail": "", **result}}, may_run=False)
        if moved is None:
            return None
        # Only after the row has moved: a repeated write must not add the results again.
        Result.objects.bulk_create([Result(task_id=claim.task_id, index=i, url=url) for i, url in enumerate(urls)])
        claim.log(EventKind.COMPLETED, now, _with_polls(what, self.polls))
        return moved[1]


@dataclass(frozen=True, slots=True)
class Failed(TaskOutcome):
    """It failed; `may_run` if Bing may still work on it, `polls` says how many polls there were."""

    error: ServiceError
    may_run: bool
    polls: str = ""

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Fail the task with the error; its quota stays used."""
        moved = self._move(claim, now, {State.FAILED: _error_columns(self.error)}, may_run=self.may_run)
        if moved is None:
            return None
        _log_failure(claim, self.error, now, self.polls)
        return moved[1]


@dataclass(frozen=True, slots=True)
class TimedOut(TaskOutcome):
    """No result came before the deadline; Bing may still deliver one later."""

    polls: str = ""

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Expire the task as `timeout`."""
        columns = {"error_code": "timeout", "error_message": "Bing did not finish in time. Start a new task."}
        moved = self._move(claim, now, {State.EXPIRED: columns}, may_run=True)
        if moved is None:
            return None
        logger.warning("task %s failed: timeout: no result in time", claim.task_id)
        claim.log(EventKind.EXPIRED, now, _with_polls("no result in time", self.polls))
        return moved[1]


@dataclass(frozen=True, slots=True)
class Crashed(TaskOutcome):
    """A bug stopped the runner's work on the task: a request that may have been sent is uncertain, others fail."""

    def apply(self, claim: Claim, now: datetime) -> State | None:
        """Mark the task as uncertain or failed, by its state."""
        error = InternalError(detail="see the log for the stack")
        columns = {State.UNCERTAIN: _doubt_columns(error), State.FAILED: _error_columns(error)}
        moved = self._move(claim, now, columns, may_run=True)
        if moved is None:
            return None
        _, state = moved
        if state == State.UNCERTAIN:
            claim.log(EventKind.UNCERTAIN, now, error_line(error))
        else:
            _log_failure(claim, error, now)
        return state


_SUBMITTING, _UNCERTAIN, _POLLING = (State.SUBMITTING,), (State.UNCERTAIN,), (State.POLLING,)
# Every state in which a row may be changed by an outcome; in any other state an outcome changes nothing.
TRANSITIONS: Mapping[type[TaskOutcome], tuple[Transition, ...]] = {
    Accepted: (
        Transition(_SUBMITTING, State.POLLING, heeds_cancel=True),
        Transition(_UNCERTAIN, State.POLLING, heeds_cancel=True, is_late=True),
    ),
    Rejected: (Transition(_SUBMITTING, State.FAILED, heeds_cancel=True),),
    Requeued: (Transition(_SUBMITTING, State.QUEUED, heeds_cancel=True),),
    Uncertain: (Transition(_SUBMITTING, State.UNCERTAIN),),
    Unresolved: (Transition(_UNCERTAIN, State.FAILED, heeds_cancel=True),),
    Pending: (Transition(_POLLING, State.POLLING),),
    Completed: (Transition(_POLLING, State.COMPLETED),),
    TimedOut: (Transition(_POLLING, State.EXPIRED),),
    Failed: (Transition(AT_BING, State.FAILED),),
    Crashed: (
        Transition(_SUBMITTING, State.UNCERTAIN),
        Transition((*_UNCERTAIN, *_POLLING), State.FAILED),
    ),
}


def error_line(error: ServiceError) -> str:
    """Return an error's code and detail as rows and timelines show it."""
    return f"{error.code}: {error.detail or error.message}"[:LONGEST_LINE]


def _doubt_columns(error: ServiceError) -> dict[str, Any]:
    return {"error_detail": error_line(error)}


def _error_columns(error: ServiceError) -> dict[str, Any]:
    return {
        "error_code": error.code,
        "error_message": error.message,
        "error_detail": error_line(error),
        "retry_after_seconds": error.retry_after,
    }


def _with_polls(text: str, polls: str) -> str:
    return f"{text}; {polls}" if polls else text


def _log_failure(claim: Claim, error: ServiceError, now: datetime, polls: str = "") -> None:
    # Log it here too, because the caller may be gone or ask for the result later. Faults of the caller are no warning.
    level = logging.DEBUG if isinstance(error, CallerError) else logging.WARNING
    logger.log(level, "task %s failed: %s", claim.task_id, error_line(error))
    claim.log(EventKind.FAILED, now, _with_polls(error_line(error), polls))


def _log_if_cancelled(claim: Claim, state: State, now: datetime) -> None:
    if state == State.CANCELLED:
        claim.log(EventKind.CANCELLED, now, "as requested before Bing answered")
