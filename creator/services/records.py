"""How a task's row records what became of it: guarded writes, run in group commits by the runner.

Every function is one guarded write: it changes the row only if it still is that runner's and in the expected state, and
says whether it was (`engine` rules 3 and 4).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet

from bingproject.errors import InternalError, NoAccountError, ServiceError
from creator.models import AT_BING, IdempotencyKey, Kind, Result, State, Task, transition
from creator.services.quotas import give_back

# How long Bing may still be busy with a request whose end we do not learn: an image's usual time, a fast video's.
SLOT_SECONDS = {Kind.IMAGE: 120, Kind.VIDEO: 600}
ENDED_AT_ONCE = 500


def slot_end(kind: str, submit_at: datetime) -> datetime:
    """Until when a request of unknown end counts as running at Bing."""
    return submit_at + timedelta(seconds=SLOT_SECONDS[Kind(kind)])


def result_deadline(kind: str, accepted_at: datetime) -> datetime:
    """When a generation that Bing took is given up."""
    seconds = settings.VIDEO_DEADLINE_SECONDS if kind == Kind.VIDEO else settings.IMAGE_DEADLINE_SECONDS
    return accepted_at + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a runner holds of a task: the row, the owner and the number of the attempt, which fences late writers."""

    task_id: uuid.UUID
    kind: str
    runner: str
    attempt: int
    submit_at: datetime


def record_accepted(claim: Claim, request_id: str, lane: str, now: datetime) -> bool:
    """Bing took it: from here on it is polled, and never sent again.

    A row that another runner took for `uncertain` meanwhile is still the same attempt: the id is worth more than the
    doubt, so it goes back to `polling`, free for whoever lives.
    """
    accepted = {
        "state": State.POLLING,
        "request_id": request_id,
        "lane": lane,
        "accepted_at": now,
        "deadline_at": result_deadline(claim.kind, now),
    }
    if transition(claim.task_id, claim.runner, (State.SUBMITTING,), accepted):
        return not _finish_cancelled(claim, (State.POLLING,), now)
    late = Task.objects.filter(pk=claim.task_id, state=State.UNCERTAIN, attempt_count=claim.attempt)
    late.update(**accepted, runner=None)
    return False


def _finish_cancelled(claim: Claim, expected: tuple[str, ...], now: datetime) -> bool:
    rows = Task.objects.filter(pk=claim.task_id, runner=claim.runner, state__in=expected, cancel_requested=True)
    slot_until = slot_end(claim.kind, claim.submit_at) if State.POLLING in expected else None
    return bool(
        rows.update(state=State.CANCELLED, runner=None, error_code="cancelled", finished_at=now, slot_until=slot_until)
    )


def record_refused(claim: Claim, error: ServiceError, now: datetime) -> bool:
    """Bing certainly did not take it, and nobody will ask again."""
    with transaction.atomic():
        is_ours = _finish_cancelled(claim, (State.SUBMITTING,), now) or record_failed(claim, error, now)
        if is_ours:
            give_back([claim.task_id])
    return is_ours


def record_requeued(
    claim: Claim, error: ServiceError, next_at: datetime, *, account_id: int | None, is_counted: bool
) -> bool:
    """Bing certainly did not take it: back into the queue, to be tried again from `next_at` on."""
    with transaction.atomic():
        if _finish_cancelled(claim, (State.SUBMITTING,), next_at):
            give_back([claim.task_id])
            return True
    row = Task.objects.only("tried_accounts").filter(pk=claim.task_id).first()
    tried = [] if row is None else row.tried_accounts
    return transition(
        claim.task_id,
        claim.runner,
        (State.SUBMITTING,),
        {
            "state": State.QUEUED,
            "runner": None,
            "account": None,
            "submit_at": None,
            "next_at": next_at,
            "retry_count": F("retry_count") + (1 if is_counted else 0),
            "tried_accounts": [*tried, account_id] if account_id is not None else tried,
            "error_detail": _detail(error),
        },
    )


def record_uncertain(claim: Claim, error: ServiceError) -> bool:
    """Sent, but the answer did not come: only time can tell, and the request is not sent again."""
    return transition(
        claim.task_id, claim.runner, (State.SUBMITTING,), {"state": State.UNCERTAIN, "error_detail": _detail(error)}
    )


def record_unknown(claim: Claim, now: datetime) -> bool:
    """The grace is over: nobody will learn what became of it."""
    if _finish_cancelled(claim, (State.UNCERTAIN,), now):
        Task.objects.filter(pk=claim.task_id).update(slot_until=slot_end(claim.kind, claim.submit_at))
        return True
    return transition(
        claim.task_id,
        claim.runner,
        (State.UNCERTAIN,),
        {
            "state": State.FAILED,
            "runner": None,
            "error_code": "submit_outcome_unknown",
            "slot_until": slot_end(claim.kind, claim.submit_at),
            "finished_at": now,
        },
    )


def record_images(claim: Claim, urls: Sequence[str], prompt: str, now: datetime) -> bool:
    """The pictures are there."""
    is_ours = _complete(claim, now, revised_prompt=prompt)
    if is_ours:
        Result.objects.bulk_create([Result(task_id=claim.task_id, index=i, url=url) for i, url in enumerate(urls)])
    return is_ours


def record_video(claim: Claim, url: str, now: datetime) -> bool:
    """The video is there."""
    return _complete(claim, now, video_url=url)


def _complete(claim: Claim, now: datetime, **found: str) -> bool:
    return transition(
        claim.task_id,
        claim.runner,
        (State.POLLING,),
        dict(state=State.COMPLETED, runner=None, finished_at=now, error_detail="", **found),
    )


def record_failed(claim: Claim, error: ServiceError, now: datetime, *, keeps_slot: bool = False) -> bool:
    """It failed, for the reason given; `keeps_slot` when Bing may still be busy with it."""
    return transition(
        claim.task_id,
        claim.runner,
        AT_BING,
        {
            "state": State.FAILED,
            "runner": None,
            "error_code": error.code,
            "error_message": error.message[:500],
            "error_detail": _detail(error),
            "retry_after_seconds": error.retry_after,
            "slot_until": slot_end(claim.kind, claim.submit_at) if keeps_slot else None,
            "finished_at": now,
        },
    )


def record_timed_out(claim: Claim, now: datetime) -> bool:
    """Accepted, but no result within the time allowed; Bing may still deliver, too late for us."""
    return transition(
        claim.task_id,
        claim.runner,
        (State.POLLING,),
        {
            "state": State.EXPIRED,
            "runner": None,
            "error_code": "timeout",
            "error_message": "Bing did not finish in time. Start a new task.",
            "slot_until": slot_end(claim.kind, claim.submit_at),
            "finished_at": now,
        },
    )


def fail_queued(kind: str, error: ServiceError, now: datetime) -> int:
    """No account can take them: every waiting task of the kind fails with the cause; how many."""
    return end_queued(
        Task.objects.due(now).filter(kind=kind),
        state=State.FAILED,
        error_code=error.code,
        error_message=error.message[:500],
        retry_after_seconds=error.retry_after,
        finished_at=now,
    )


def expire_queued(now: datetime) -> int:
    """Give up what waited too long for an account; how many."""
    late = Task.objects.filter(state=State.QUEUED, deadline_at__lte=now)
    if not late.exists():  # read-only: an idle runner must not take SQLite's write lock every second
        return 0
    return end_queued(late, state=State.EXPIRED, error_code="expired", finished_at=now)


def end_queued(queued: QuerySet[Task], **changes: Any) -> int:
    """End tasks that wait in the queue and give back what they count, in steps that hold no lock for long; how many."""
    ended = 0
    while True:
        with transaction.atomic():
            rows = queued.select_for_update(skip_locked=True) if connection.vendor == "postgresql" else queued
            ids = list(rows.order_by("pk").values_list("pk", flat=True)[:ENDED_AT_ONCE])
            if not ids:
                return ended
            ended += Task.objects.filter(pk__in=ids, state=State.QUEUED).update(**changes)
            give_back(ids)


def record_bug(claim: Claim, now: datetime) -> bool:
    """A bug of ours stopped it: a request that may have been sent is uncertain, anything else has failed."""
    error = InternalError(detail="see the log for the stack")
    return record_uncertain(claim, error) or record_failed(claim, error, now, keeps_slot=True)


def record_orphan_of_no_account(claim: Claim, now: datetime) -> bool:
    """Its account was deleted while it ran: nobody can ask for the result any more."""
    error = NoAccountError("The account that made this was removed. Start a new task.")
    return record_failed(claim, error, now, keeps_slot=True)


def recent_durations(count: int = 300) -> list[tuple[tuple[str, str, str], float]]:
    """How long the newest completed generations took: (kind, model, lane) and seconds, oldest first."""
    rows = Task.objects.filter(state=State.COMPLETED).order_by("-created_at", "-id")
    fields = rows.values_list("kind", "model", "lane", "accepted_at", "finished_at")[:count]
    return [
        ((kind, model, lane), (end - begin).total_seconds())
        for kind, model, lane, begin, end in reversed(fields)
        if begin is not None and end is not None
    ]


def prune_tasks(now: datetime) -> int:
    """Delete finished tasks older than `TASK_RETENTION_DAYS`, in steps that hold no lock for long; how many."""
    cutoff = now - timedelta(days=settings.TASK_RETENTION_DAYS)
    IdempotencyKey.objects.filter(created_at__lt=now - timedelta(days=2)).delete()
    pruned = 0
    while True:
        old = Task.objects.filter(created_at__lt=cutoff).exclude(state__in=(State.QUEUED, *AT_BING))
        ids = list(old.order_by("created_at", "id").values_list("pk", flat=True)[:500])
        if not ids:
            return pruned
        Task.objects.filter(pk__in=ids).delete()
        pruned += len(ids)


def _detail(error: ServiceError) -> str:
    return f"{error.code}: {error.detail or error.message}"[:2000]
