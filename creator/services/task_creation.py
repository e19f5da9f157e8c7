"""Create, find, list and cancel tasks on behalf of callers.

The web process only inserts and updates rows; it never uses the job queue.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from accounts.models import WhitelistedUser
from bingproject.errors import ConflictError, InvalidRequestError, NotFoundError, RateLimitError
from bingproject.security import request_id
from creator.models import FINISHED, EventKind, IdempotencyKey, Runner, State, Task, read_pictures, read_rows
from creator.services.availability import refuse_if_unservable
from creator.services.durations import slot_end
from creator.services.events import Step, log_steps
from creator.services.quotas import count_tasks, give_back

# Failures that another try may avoid; a repeat after any other one joins the failed task.
RETRYABLE = ("upstream_overloaded", "upstream_unreachable", "throttled")
IDEMPOTENCY_HOURS = 24
RETRY_JOIN_MINUTES = 15


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A caller's request for `count` tasks of one prompt."""

    kind: str
    prompt: str
    model: str = "DALLE"
    aspect: str = "SQUARE"
    speed: str = "auto"
    count: int = 1


@dataclass(frozen=True, slots=True)
class TaskOrigin:
    """The caller and route of a request, and what may join it to an earlier one.

    Attributes:
        body: The canonical text of the request.
        is_repeat: True if the client itself calls this request a retry.
        user: The user whose daily quota it counts against; None if it counts against none.
    """

    caller_id: str
    route: str
    body: str = ""
    idempotency_key: str = ""
    is_repeat: bool = False
    user: WhitelistedUser | None = None

    @property
    def body_hash(self) -> str:
        """SHA-256 of the body as 64 hex digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """The tasks of one request.

    Attributes:
        is_replayed: True if an earlier request has created them.
        is_joined: True if they were found without an Idempotency-Key, so that the caller may have meant a new request.
    """

    tasks: list[Task]
    is_replayed: bool = False
    is_joined: bool = False


def create_task(request: GenerationRequest, origin: TaskOrigin, now: datetime, patience_seconds: float) -> TaskBatch:
    """Insert the tasks of one request, or find those of an earlier equal request.

    Args:
        patience_seconds: How long the caller would wait for the end of a cooldown.

    Raises:
        InvalidRequestError: `idempotency_mismatch`.
        RateLimitError: `rate_limit_exceeded` or `quota_exceeded`.
        ServiceError: As `refuse_if_unservable` raises.
    """
    with transaction.atomic():
        _serialise(origin.caller_id)
        earlier = _earlier_batch(origin, now)
        if earlier is not None:
            return TaskBatch(earlier, is_replayed=True, is_joined=not origin.idempotency_key)
        refuse_if_unservable(request.kind, now, patience_seconds)
        _refuse_if_full(origin.caller_id, request.count)
        # In the transaction of the insert, so that a refused or failed insert counts nothing.
        counted_on = count_tasks(origin.user, request.kind, request.count, now)
        tasks = _new_tasks(request, origin, counted_on, now)
        Task.objects.bulk_create(tasks)
        asked = request_id.current.get()
        log_steps(*(Step(task.pk, EventKind.ACCEPTED, now, origin.route, request_id=asked) for task in tasks))
        if origin.idempotency_key:
            IdempotencyKey.objects.create(
                caller_id=origin.caller_id,
                route=origin.route,
                key=origin.idempotency_key,
                body_hash=origin.body_hash,
                batch=tasks[0].batch,
                created_at=now,
            )
    return TaskBatch(tasks)


def _serialise(caller_id: str) -> None:
    """Let requests of one caller create tasks one after another, because two equal ones must not both be the first.

    The lock holds over all processes until the transaction ends. SQLite's IMMEDIATE transaction needs none.
    """
    if connection.vendor == "postgresql":
        # Advisory locks have signed 64-bit numbers.
        number = int.from_bytes(hashlib.sha256(caller_id.encode()).digest()[:8], "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _earlier_batch(origin: TaskOrigin, now: datetime) -> list[Task] | None:
    if origin.idempotency_key:
        return _batch_of_key(origin, now)
    unserved = _unserved_batch(origin, now)
    if unserved is not None:
        return unserved
    return _batch_of_repeat(origin, now) if origin.is_repeat else None


def _batch_of_key(origin: TaskOrigin, now: datetime) -> list[Task] | None:
    mine = IdempotencyKey.objects.filter(caller_id=origin.caller_id, route=origin.route, key=origin.idempotency_key)
    found = mine.first()
    if found is None:
        return None
    tasks = list(Task.objects.filter(batch=found.batch).order_by("batch_index"))
    # Withdrawn tasks free the key: the server told the caller to try again (decision 72).
    if found.created_at < now - timedelta(hours=IDEMPOTENCY_HOURS) or all(map(_is_withdrawn, tasks)):
        mine.delete()
        return None
    if found.body_hash != origin.body_hash:
        raise InvalidRequestError(code="idempotency_mismatch", param="Idempotency-Key")
    return tasks


def _unserved_batch(origin: TaskOrigin, now: datetime) -> list[Task] | None:
    """Return the newest tasks of an equal request whose caller was just answered without a result, else None.

    SDKs repeat a POST after 409, 429 and 5xx within seconds, and many do not mark it as a retry. Any other second
    request, while the first one still waits or after its result was delivered, wants a second picture. Each repeat uses
    up one batch, so that of two callers answered without a result, each finds a batch of its own.
    """
    since = now - timedelta(seconds=settings.JOIN_REPEATS_SECONDS)
    asked = Task.objects.filter(caller_id=origin.caller_id, route=origin.route, body_hash=origin.body_hash)
    for batch in asked.filter(unserved_at__gt=since).order_by("-created_at").values_list("batch", flat=True).distinct():
        tasks = list(Task.objects.filter(batch=batch).order_by("batch_index"))
        if not all(map(_is_retryable, tasks)):
            # Each failed answer allows one join (decision 103).
            Task.objects.filter(batch=batch).update(unserved_at=None)
            return tasks
    return None


def note_unserved(task_ids: Iterable[uuid.UUID], now: datetime) -> None:
    """Note that a caller was answered without the result of these tasks, or left before it."""
    Task.objects.filter(pk__in=list(task_ids)).update(unserved_at=now)


def _batch_of_repeat(origin: TaskOrigin, now: datetime) -> list[Task] | None:
    """Return the newest tasks of an equal recent request, unless they failed in a way that another try may avoid."""
    newest = (
        Task.objects.filter(
            caller_id=origin.caller_id,
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
    return None if all(_is_retryable(task) for task in tasks) else tasks


def _is_retryable(task: Task) -> bool:
    """True if another try may succeed and cannot spend twice, because Bing certainly has nothing of this one."""
    is_passing = task.state == State.FAILED and task.error_code in RETRYABLE and task.slot_until is None
    return is_passing or _is_withdrawn(task)


def _is_withdrawn(task: Task) -> bool:
    """True if the server itself cancelled the queued task and told its caller to try again."""
    return task.state == State.CANCELLED and not task.cancel_requested


def _refuse_if_full(caller_id: str, count: int) -> None:
    queued = Task.objects.filter(state=State.QUEUED)
    if queued.filter(caller_id=caller_id).count() + count > settings.MAX_QUEUED_PER_HOLDER:
        raise RateLimitError(retry_after=30)
    if queued.count() + count > settings.MAX_QUEUED:
        raise RateLimitError(retry_after=30)


def _new_tasks(request: GenerationRequest, origin: TaskOrigin, counted_on: date | None, now: datetime) -> list[Task]:
    batch = uuid.uuid4()
    return [
        Task(
            kind=request.kind,
            prompt=request.prompt,
            model=request.model,
            aspect=request.aspect,
            speed=request.speed,
            caller_id=origin.caller_id,
            route=origin.route,
            body_hash=origin.body_hash,
            batch=batch,
            batch_index=index,
            counted_on=counted_on,
            next_at=now,
            deadline_at=now + timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS),
            created_at=now,
        )
        for index in range(request.count)
    ]


def find_task(task_id: str, caller_id: str | None) -> Task:
    """Return a task of the caller's own.

    Args:
        caller_id: None for operators, who may see every task.

    Raises:
        NotFoundError: There is no such task, or it is another caller's.
    """
    try:
        number = uuid.UUID(task_id)
    except ValueError:
        raise NotFoundError("Task not found.") from None
    rows = read_rows([number])
    if not rows or caller_id not in (None, rows[0].caller_id):
        raise NotFoundError("Task not found.")
    return rows[0]


def list_tasks(
    caller_id: str,
    *,
    states: Sequence[str] = (),
    kind: str = "",
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int,
) -> list[Task]:
    """Return the caller's tasks, newest first.

    Args:
        before: Creation time and id of a task: only older ones are returned.
    """
    rows = Task.objects.filter(caller_id=caller_id).order_by("-created_at", "-id")
    if states:
        rows = rows.filter(state__in=states)
    if kind:
        rows = rows.filter(kind=kind)
    # By time and id, so that pages neither lose nor repeat tasks of equal time.
    if before is not None:
        created_at, task_id = before
        rows = rows.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=task_id))
    return read_pictures(list(rows[:limit]))


def cancel_task(task_id: str, caller_id: str | None, now: datetime) -> Task:
    """Cancel a task at once, or note the request to cancel while it is being sent.

    Args:
        caller_id: None for operators, who may cancel every task.

    Returns:
        The task afterwards: `cancelled`, or `submitting` or `uncertain` with `cancel_requested`.

    Raises:
        NotFoundError: There is no such task, or it is another caller's.
        ConflictError: The task has finished.
    """
    by = "by an operator" if caller_id is None else "by its caller"
    with transaction.atomic():
        task = find_task(task_id, caller_id)
        if task.is_finished:
            raise ConflictError(f"The task has already finished: it is {task.state}.")
        kind = _cancel_row(task, now)
        if kind is not None:
            log_steps(Step(task.pk, kind, now, by))
        after = find_task(task_id, caller_id)
    if after.state in FINISHED and after.state != State.CANCELLED:
        raise ConflictError(f"The task has already finished: it is {after.state}.")
    # The row changed between reading and writing: try again in its new state.
    return cancel_task(task_id, caller_id, now) if kind is None and not after.is_finished else after


def _cancel_row(task: Task, now: datetime) -> EventKind | None:
    """Cancel the row by its state; return the step for the timeline, None if the row changed state meanwhile."""
    mine = Task.objects.filter(pk=task.pk)
    # `cancel_requested` distinguishes this from a withdrawal by the server (decision 72).
    ended = {"state": State.CANCELLED, "error_code": "cancelled", "finished_at": now, "cancel_requested": True}
    if mine.filter(state=State.QUEUED).update(**ended):
        give_back([task.pk])
        return EventKind.CANCELLED
    # Bing may continue: the account's slot stays taken for as long as such a job usually runs.
    slot_until = slot_end(task.kind, task.submit_at or now)
    # A live runner releases the row by itself (`claims.release_cancelled`), a dead one cannot.
    polling = mine.filter(state=State.POLLING)
    has_runner = polling.filter(runner__in=Runner.objects.values("id"))
    if has_runner.update(**ended, slot_until=slot_until) or polling.update(**ended, slot_until=slot_until, runner=None):
        return EventKind.CANCELLED
    sending = mine.filter(state__in=(State.SUBMITTING, State.UNCERTAIN))
    return EventKind.CANCEL_WISHED if sending.update(cancel_requested=True) else None
