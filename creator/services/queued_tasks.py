"""End tasks that wait in the queue: no account can take them, they waited too long, or they are cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from bingproject.errors import ServiceError
from creator.models import EventKind, State, Task, TaskQuerySet
from creator.services.events import Step, log_steps
from creator.services.outcomes import error_line
from creator.services.quotas import give_back

ENDED_AT_ONCE = 500


def fail_queued(kind: str, error: ServiceError, now: datetime) -> int:
    """Fail every due task of the kind because no account can take it; return how many."""
    failed = {
        "state": State.FAILED,
        "error_code": error.code,
        "error_message": error.message,
        "retry_after_seconds": error.retry_after,
    }
    return end_queued(Task.objects.due(now).filter(kind=kind), EventKind.FAILED, now, error_line(error), failed)


def expire_queued(now: datetime) -> int:
    """Expire tasks that waited too long for an account; return how many."""
    late = Task.objects.filter(state=State.QUEUED, deadline_at__lte=now)
    if not late.exists():  # read-only: an idle runner must not take SQLite's write lock every second
        return 0
    expired = {"state": State.EXPIRED, "error_code": "expired"}
    return end_queued(late, EventKind.EXPIRED, now, "no account had room in time", expired)


def end_queued(rows: TaskQuerySet, kind: EventKind, now: datetime, text: str, changes: Mapping[str, Any]) -> int:
    """End queued tasks for one reason and give back their quota; return how many.

    Works in batches, so that no lock is held for long.
    """
    ended = 0
    while True:
        with transaction.atomic():
            ids = rows.lock_ids(ENDED_AT_ONCE)
            if not ids:
                return ended
            log_steps(*(Step(task_id, kind, now, text) for task_id in ids))
            ended += Task.objects.filter(pk__in=ids, state=State.QUEUED).update(finished_at=now, **changes)
            give_back(ids)
