"""Retry an ended task on behalf of an operator: a new task with the same request, for the same caller."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from bingproject.errors import ConflictError
from creator.models import OPEN, EventKind, Task
from creator.services.events import Step, log_steps
from creator.services.task_creation import find_task

RETRY_ROUTE = "admin"


def retry_task(task_id: str, now: datetime) -> Task:
    """Create the new task. It counts against no quota, and no repeat of a request joins it.

    Raises:
        NotFoundError: There is no such task.
        ConflictError: The task has not ended, or an earlier retry of it has not.
    """
    with transaction.atomic():
        old = find_task(task_id, None)
        _lock(old)  # two operators must not retry it at the same time
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
            caller_id=old.caller_id,
            # Without a body hash, so that no client's repeat joins the new task (decision 43).
            route=RETRY_ROUTE,
            batch=uuid.uuid4(),
            retry_of=old.pk,
            next_at=now,
            deadline_at=now + timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS),
            created_at=now,
        )
        log_steps(
            Step(old.pk, EventKind.RETRIED, now, f"by an operator, as {new.pk}"),
            Step(new.pk, EventKind.ACCEPTED, now, f"by an operator, as another try of {old.pk}"),
        )
    return new


def _lock(task: Task) -> None:
    """Lock the row until the transaction ends; on SQLite the transaction has the only write lock anyway."""
    if connection.vendor == "postgresql":
        Task.objects.select_for_update().filter(pk=task.pk).values_list("pk").first()
