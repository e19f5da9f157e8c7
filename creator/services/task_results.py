"""Results of the tasks of one request: their rows for the waiting caller, and the errors that the rows stand for."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from bingproject.errors import OWNER, InternalError, NotFoundError, ServiceError, by_code
from creator.models import FINISHED, EventKind, State, Task, read_rows
from creator.services.queued_tasks import end_queued


def read_tasks(task_ids: Iterable[uuid.UUID]) -> list[Task]:
    """Return the tasks of one request as they are now, in order, with their pictures.

    Raises:
        NotFoundError: They were deleted meanwhile.
    """
    tasks = sorted(read_rows(list(task_ids)), key=lambda task: (task.batch_index, task.pk))
    if not tasks:
        raise NotFoundError("Task not found.")
    return tasks


def withdraw_tasks(task_ids: Iterable[uuid.UUID], now: datetime) -> int:
    """Cancel those tasks that are still queued, because no worker runs; return how many.

    The rows get `cancel_requested` False: a caller that tries again, as the error suggests, does not join them (see
    `task_creation._is_withdrawn`).
    """
    queued = Task.objects.filter(pk__in=list(task_ids), state=State.QUEUED)
    cancelled = {"state": State.CANCELLED, "error_code": "cancelled", "cancel_requested": False}
    return end_queued(queued, EventKind.CANCELLED, now, "no worker was running, the caller no longer waits", cancelled)


def failure_of(task: Task) -> ServiceError | None:
    """Return the error that an ended task's row stands for; None while it runs or if it succeeded."""
    if task.state not in FINISHED or task.state == State.COMPLETED:
        return None
    if task.error_code not in OWNER:
        return InternalError()
    detail = task.error_detail.removeprefix(f"{task.error_code}: ")
    return by_code(task.error_code, task.error_message, task.retry_after_seconds, detail)
