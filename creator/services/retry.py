"""Trying an ended task again: a new task with the same wish, for the same key-holder, at an operator's word."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from bingproject.errors import ConflictError
from creator.models import OPEN, EventKind, Task
from creator.services.events import Step, tell
from creator.services.intake import find_task

RETRY_ROUTE = "admin"


def retry_task(task_id: str, now: datetime) -> Task:
    """The new task. It counts against nobody's quota, and no repeat of a request joins it.

    Raises: NotFoundError; ConflictError while the task runs, or while another try of it does.
    """
    with transaction.atomic():
        old = find_task(task_id, None)
        _lock(old)  # two operators at once must not try it twice
        if not old.is_finished:
            raise ConflictError(f"The task has not ended: it is {old.state}.")
        if Task.objects.filter(retry_of=old.pk, state__in=OPEN).exists():
            raise ConflictError("The task is being tried again already.")
        new = Task.objects.create(
            kind=old.kind,
            prompt=old.prompt,
            model=old.model,
            aspect=old.aspect,
            speed=old.speed,
            holder=old.holder,
            route=RETRY_ROUTE,
            batch=uuid.uuid4(),
            retry_of=old.pk,
            next_at=now,
            deadline_at=now + timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS),
            created_at=now,
        )
        tell(
            Step(old.pk, EventKind.RETRIED, now, f"by an operator, as {new.pk}"),
            Step(new.pk, EventKind.ACCEPTED, now, f"by an operator, who had {old.pk} tried again"),
        )
    return new


def _lock(task: Task) -> None:
    """Hold the row until the end of the transaction; SQLite's has the only write lock anyway."""
    if connection.vendor == "postgresql":
        Task.objects.select_for_update().filter(pk=task.pk).values_list("pk").first()
