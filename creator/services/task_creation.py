"""Taking tasks in, finding, listing and cancelling them: what callers may do.

The web process only inserts and updates rows; it never talks to the queue.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from accounts.models import WhitelistedUser
from bingproject import request_id
from bingproject.errors import ConflictError, InvalidRequestError, NotFoundError, RateLimitError
from creator.models import FINISHED, EventKind, IdempotencyKey, Runner, State, Task, read_pictures, read_rows
from creator.services.availability import refuse_if_hopeless
from creator.services.events import Step, tell
from creator.services.quotas import count_tasks, give_back
from creator.services.records import slot_end

# Failures that another try can mend; a repeat of anything else gets the first answer again.
MENDABLE = ("upstream_overloaded", "upstream_unreachable", "throttled")
IDEMPOTENCY_HOURS = 24
RETRY_JOIN_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for: `count` tasks of one prompt."""

    kind: str
    prompt: str
    model: str = "DALLE"
    aspect: str = "SQUARE"
    speed: str = "auto"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, on which route, with which body, and what may join it to an earlier request.

    `body` is the canonical text of the request; `is_repeat` says that the client itself calls this a retry; `user` is
    whose daily quota it counts against, if anybody's.
    """

    holder: str
    route: str
    body: str = ""
    idempotency_key: str = ""
    is_repeat: bool = False
    user: WhitelistedUser | None = None

    @property
    def body_hash(self) -> str:
        """SHA-256 of the body, 64 hex digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Intake:
    """The tasks that answer a request; `is_replayed` when they were there before."""

    tasks: list[Task]
    is_replayed: bool = False


def create_task(wish: Wish, origin: Origin, now: datetime, patience_seconds: float) -> Intake:
    """Insert the tasks of one request, or find those of the same request made before.

    Units: `patience_seconds` is how long the caller would wait for an account that rests.
    Raises: InvalidRequestError (`idempotency_mismatch`), RateLimitError (`rate_limit_exceeded`, `quota_exceeded`), and
    what `refuse_if_hopeless` raises.
    """
    with transaction.atomic():
        _serialise(origin.holder)
        earlier = _earlier_batch(origin, now)
        if earlier is not None:
            return Intake(earlier, is_replayed=True)
        refuse_if_hopeless(wish.kind, now, patience_seconds)
        _refuse_if_full(origin.holder, wish.count)
        counted_on = count_tasks(origin.user, wish.kind, wish.count, now)
        tasks = _new_tasks(wish, origin, counted_on, now)
        Task.objects.bulk_create(tasks)
        asked = request_id.current.get()
        tell(*(Step(task.pk, EventKind.ACCEPTED, now, origin.route, request_id=asked) for task in tasks))
        if origin.idempotency_key:
            IdempotencyKey.objects.create(
                holder=origin.holder,
                route=origin.route,
                key=origin.idempotency_key,
                body_hash=origin.body_hash,
                batch=tasks[0].batch,
                created_at=now,
            )
    return Intake(tasks)


def _serialise(holder: str) -> None:
    """One intake of a holder at a time, over all processes: two equal requests must not both be the first.

    SQLite's IMMEDIATE transaction does that by itself.
    """
    if connection.vendor == "postgresql":
        number = int.from_bytes(hashlib.sha256(holder.encode()).digest()[:8], "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _earlier_batch(origin: Origin, now: datetime) -> list[Task] | None:
    if origin.idempotency_key:
        return _batch_of_key(origin, now)
    if origin.is_repeat:
        return _batch_of_repeat(origin, now)
    return None


def _batch_of_key(origin: Origin, now: datetime) -> list[Task] | None:
    mine = IdempotencyKey.objects.filter(holder=origin.holder, route=origin.route, key=origin.idempotency_key)
    found = mine.first()
    if found is None:
        return None
    tasks = list(Task.objects.filter(batch=found.batch).order_by("batch_index"))
    if found.created_at < now - timedelta(hours=IDEMPOTENCY_HOURS) or all(map(_is_withdrawn, tasks)):
        mine.delete()
        return None
    if found.body_hash != origin.body_hash:
        raise InvalidRequestError(code="idempotency_mismatch", param="Idempotency-Key")
    return tasks


def _batch_of_repeat(origin: Origin, now: datetime) -> list[Task] | None:
    """The newest tasks of the same request, started lately, unless another try can mend how they ended."""
    newest = (
        Task.objects.filter(
            holder=origin.holder,
            route=origin.route,
            body_hash=origin.body_hash,
            created_at__gt=now - timedelta(minutes=RETRY_JOIN_MINUTES),
        )
        .order_by("-created_at", "-id")
        .first()
    )
    if newest is None:
        return None
    tasks = list(Task.objects.filter(batch=newest.batch).order_by("batch_index"))
    return None if all(_is_mendable(task) for task in tasks) else tasks


def _is_mendable(task: Task) -> bool:
    """Whether asking again is worth it and cannot pay twice: Bing certainly has nothing of it."""
    is_passing = task.state == State.FAILED and task.error_code in MENDABLE and task.slot_until is None
    return is_passing or _is_withdrawn(task)


def _is_withdrawn(task: Task) -> bool:
    """Whether the server itself took it out of the queue and asked its caller to come again."""
    return task.state == State.CANCELLED and not task.cancel_requested


def _refuse_if_full(holder: str, count: int) -> None:
    queued = Task.objects.filter(state=State.QUEUED)
    if queued.filter(holder=holder).count() + count > settings.MAX_QUEUED_PER_HOLDER:
        raise RateLimitError(retry_after=30)
    if queued.count() + count > settings.MAX_QUEUED:
        raise RateLimitError(retry_after=30)


def _new_tasks(wish: Wish, origin: Origin, counted_on: date | None, now: datetime) -> list[Task]:
    batch = uuid.uuid4()
    return [
        Task(
            kind=wish.kind,
            prompt=wish.prompt,
            model=wish.model,
            aspect=wish.aspect,
            speed=wish.speed,
            holder=origin.holder,
            route=origin.route,
            body_hash=origin.body_hash,
            batch=batch,
            batch_index=index,
            counted_on=counted_on,
            next_at=now,
            deadline_at=now + timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS),
            created_at=now,
        )
        for index in range(wish.count)
    ]


def find_task(task_id: str, holder: str | None) -> Task:
    """The holder's own task; `holder` None is the operator, who sees all. Raises: NotFoundError."""
    try:
        number = uuid.UUID(task_id)
    except ValueError:
        raise NotFoundError("Task not found.") from None
    rows = read_rows([number])
    if not rows or holder not in (None, rows[0].holder):
        raise NotFoundError("Task not found.")
    return rows[0]


def list_tasks(
    holder: str,
    *,
    states: Sequence[str] = (),
    kind: str = "",
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int,
) -> list[Task]:
    """The holder's tasks, newest first, those older than `before` (time and id of the last one seen)."""
    rows = Task.objects.filter(holder=holder).order_by("-created_at", "-id")
    if states:
        rows = rows.filter(state__in=states)
    if kind:
        rows = rows.filter(kind=kind)
    if before is not None:
        created_at, task_id = before
        rows = rows.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=task_id))
    return read_pictures(list(rows[:limit]))


def cancel_task(task_id: str, holder: str | None, now: datetime) -> Task:
    """Cancel what can be cancelled now; note the wish where only Bing's answer can tell.

    Shape: the task afterwards: `cancelled`, or still `submitting`/`uncertain` with the wish stored.
    Raises: NotFoundError; ConflictError when it has finished.
    """
    by = "by an operator" if holder is None else "by its caller"
    with transaction.atomic():
        task = find_task(task_id, holder)
        if task.is_finished:
            raise ConflictError(f"The task has already finished: it is {task.state}.")
        kind = _cancel_row(task, now)
        if kind is not None:
            tell(Step(task.pk, kind, now, by))
        after = find_task(task_id, holder)
    if after.state in FINISHED and after.state != State.CANCELLED:
        raise ConflictError(f"The task has already finished: it is {after.state}.")
    return cancel_task(task_id, holder, now) if kind is None and not after.is_finished else after


def _cancel_row(task: Task, now: datetime) -> EventKind | None:
    """What the cancelling came to; None when the row went on meanwhile and nothing was written."""
    mine = Task.objects.filter(pk=task.pk)
    ended = {"state": State.CANCELLED, "error_code": "cancelled", "finished_at": now, "cancel_requested": True}
    if mine.filter(state=State.QUEUED).update(**ended):
        give_back([task.pk])
        return EventKind.CANCELLED
    # Bing may go on with it: the account's slot stays taken for as long as such a job usually runs.
    slot_until = slot_end(task.kind, task.submit_at or now)
    # A runner that lives lets go of the row by itself; one that died cannot.
    polling = mine.filter(state=State.POLLING)
    has_runner = polling.filter(runner__in=Runner.objects.values("id"))
    if has_runner.update(**ended, slot_until=slot_until) or polling.update(**ended, slot_until=slot_until, runner=None):
        return EventKind.CANCELLED
    sending = mine.filter(state__in=(State.SUBMITTING, State.UNCERTAIN))
    return EventKind.CANCEL_WISHED if sending.update(cancel_requested=True) else None
