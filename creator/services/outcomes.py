"""What became of the tasks of one request: read again for the caller who waits, and the errors their rows stand for."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from bingproject.errors import OWNER, InternalError, NotFoundError, ServiceError, by_code
from creator.models import FINISHED, EventKind, State, Task, read_rows
from creator.services.records import end_queued


def read_tasks(task_ids: Iterable[uuid.UUID]) -> list[Task]:
    """The tasks of one request as they are now, in order, with their pictures.

    Raises: NotFoundError when they were deleted meanwhile.
    """
    tasks = sorted(read_rows(list(task_ids)), key=lambda task: (task.batch_index, task.pk))
    if not tasks:
        raise NotFoundError("Task not found.")
    return tasks


def withdraw_tasks(task_ids: Iterable[uuid.UUID], now: datetime) -> int:
    """Cancel those that still wait in the queue, because nobody works; what Bing may have stays. How many.

    That nobody wished it stands on the row: who comes again, as the answer asks, does not join it (see `create_task`).
    """
    queued = Task.objects.filter(pk__in=list(task_ids), state=State.QUEUED)
    cancelled = {"state": State.CANCELLED, "error_code": "cancelled", "cancel_requested": False}
    return end_queued(queued, EventKind.CANCELLED, now, "no worker ran, and nobody waits for it", cancelled)


def failure_of(task: Task) -> ServiceError | None:
    """The error that an ended task's row stands for; None while it runs and when it succeeded."""
    if task.state not in FINISHED or task.state == State.COMPLETED:
        return None
    if task.error_code not in OWNER:
        return InternalError()
    return by_code(task.error_code, task.error_message, task.retry_after_seconds)
