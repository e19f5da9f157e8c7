"""How a task's row records what became of it: guarded writes, run in group commits by the runner.

Every function is one guarded write: it changes the row only if it still is that runner's and in the expected state, and
says whether it was (`engine` rules 3 and 4).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bingproject.errors import InternalError, NoAccountError, ServiceError
from creator.models import AT_BING, EventKind, IdempotencyKey, Kind, Result, State, Task, TaskQuerySet, transition
from creator.services.events import Step, tell, tell_look
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
    account_name: str = ""

    def tell(self, kind: EventKind, at: datetime, text: str = "", request_id: str = "") -> None:
        """Add a step of this attempt to the task's story."""
        tell(Step(self.task_id, kind, at, text, self.account_name, request_id))


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
        claim.tell(EventKind.SUBMITTED, now, f"{lane} lane", request_id)
        return not _finish_cancelled(claim, (State.POLLING,), now)
    late = Task.objects.filter(pk=claim.task_id, state=State.UNCERTAIN, attempt_count=claim.attempt)
    with transaction.atomic():
        if late.update(**accepted, runner=None):
            claim.tell(EventKind.SUBMITTED, now, f"{lane} lane; the answer came late", request_id)
            # In one step: whoever takes it over looks for the result and not for a wish that came before.
            _finish_cancelled(claim, (State.POLLING,), now, is_anybodys=True)
    return False


def _finish_cancelled(claim: Claim, expected: tuple[str, ...], now: datetime, *, is_anybodys: bool = False) -> bool:
    owner = None if is_anybodys else claim.runner
    rows = Task.objects.filter(pk=claim.task_id, runner=owner, state__in=expected, cancel_requested=True)
    slot_until = slot_end(claim.kind, claim.submit_at) if State.POLLING in expected else None
    ended = {"state": State.CANCELLED, "runner": None, "error_code": "cancelled", "finished_at": now}
    is_wished = bool(rows.update(**ended, slot_until=slot_until))
    if is_wished:
        claim.tell(EventKind.CANCELLED, now, "as was wished before Bing had answered")
    return is_wished


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
    now = timezone.now()
    with transaction.atomic():
        if _finish_cancelled(claim, (State.SUBMITTING,), now):
            give_back([claim.task_id])
            return True
    row = Task.objects.only("tried_accounts").filter(pk=claim.task_id).first()
    tried = [] if row is None else row.tried_accounts
    is_ours = transition(
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
    if is_ours:
        claim.tell(EventKind.REQUEUED, now, f"not before {next_at:%H:%M:%S}; {_detail(error)}")
    return is_ours


def record_uncertain(claim: Claim, error: ServiceError) -> bool:
    """Sent, but the answer did not come: only time can tell, and the request is not sent again."""
    doubt = {"state": State.UNCERTAIN, "error_detail": _detail(error)}
    is_ours = transition(claim.task_id, claim.runner, (State.SUBMITTING,), doubt)
    if is_ours:
        claim.tell(EventKind.UNCERTAIN, timezone.now(), _detail(error))
    return is_ours


def record_look(claim: Claim, kind: EventKind, text: str, now: datetime) -> bool:
    """A look at the result that is worth a line of the story; the row stays as it is."""
    return tell_look(Step(claim.task_id, kind, now, text, claim.account_name), claim.runner)


def record_unknown(claim: Claim, now: datetime) -> bool:
    """The grace is over: nobody will learn what became of it."""
    if _finish_cancelled(claim, (State.UNCERTAIN,), now):
        Task.objects.filter(pk=claim.task_id).update(slot_until=slot_end(claim.kind, claim.submit_at))
        return True
    is_ours = transition(
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
    if is_ours:
        claim.tell(EventKind.FAILED, now, "submit_outcome_unknown: nobody knows whether Bing took it")
    return is_ours


def record_images(claim: Claim, urls: Sequence[str], prompt: str, now: datetime, looks: str = "") -> bool:
    """The pictures are there; `looks` says how often they were looked for."""
    is_ours = _complete(claim, now, f"{len(urls)} picture{'' if len(urls) == 1 else 's'}", looks, revised_prompt=prompt)
    if is_ours:
        Result.objects.bulk_create([Result(task_id=claim.task_id, index=i, url=url) for i, url in enumerate(urls)])
    return is_ours


def record_video(claim: Claim, url: str, now: datetime, looks: str = "") -> bool:
    """The video is there; `looks` says how often it was looked for."""
    return _complete(claim, now, "the video", looks, video_url=url)


def _complete(claim: Claim, now: datetime, what: str, looks: str, **found: str) -> bool:
    completed = dict(state=State.COMPLETED, runner=None, finished_at=now, error_detail="", **found)
    is_ours = transition(claim.task_id, claim.runner, (State.POLLING,), completed)
    if is_ours:
        claim.tell(EventKind.COMPLETED, now, f"{what}; {looks}" if looks else what)
    return is_ours


def record_failed(
    claim: Claim, error: ServiceError, now: datetime, *, keeps_slot: bool = False, looks: str = ""
) -> bool:
    """It failed, for the reason given; `keeps_slot` when Bing may still be busy with it."""
    is_ours = transition(
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
    if is_ours:
        claim.tell(EventKind.FAILED, now, f"{_detail(error)}; {looks}" if looks else _detail(error))
    return is_ours


def record_timed_out(claim: Claim, now: datetime, looks: str = "") -> bool:
    """Accepted, but no result within the time allowed; Bing may still deliver, too late for us."""
    is_ours = transition(
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
    if is_ours:
        claim.tell(EventKind.EXPIRED, now, f"no result in time; {looks}" if looks else "no result in time")
    return is_ours


def fail_queued(kind: str, error: ServiceError, now: datetime) -> int:
    """No account can take them: every waiting task of the kind fails with the cause; how many."""
    failed = {
        "state": State.FAILED,
        "error_code": error.code,
        "error_message": error.message[:500],
        "retry_after_seconds": error.retry_after,
    }
    return end_queued(Task.objects.due(now).filter(kind=kind), EventKind.FAILED, now, _detail(error), failed)


def expire_queued(now: datetime) -> int:
    """Give up what waited too long for an account; how many."""
    late = Task.objects.filter(state=State.QUEUED, deadline_at__lte=now)
    if not late.exists():  # read-only: an idle runner must not take SQLite's write lock every second
        return 0
    expired = {"state": State.EXPIRED, "error_code": "expired"}
    return end_queued(late, EventKind.EXPIRED, now, "no account had room in time", expired)


def end_queued(rows: TaskQuerySet, kind: EventKind, now: datetime, text: str, changes: Mapping[str, Any]) -> int:
    """End waiting tasks, all for one reason, and give back what they count; how many.

    In steps that hold no lock for long.
    """
    ended = 0
    while True:
        with transaction.atomic():
            ids = rows.lock_ids(ENDED_AT_ONCE)
            if not ids:
                return ended
            tell(*(Step(task_id, kind, now, text) for task_id in ids))
            ended += Task.objects.filter(pk__in=ids, state=State.QUEUED).update(finished_at=now, **changes)
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
