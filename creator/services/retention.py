"""Deletion of finished tasks after `TASK_RETENTION_DAYS`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from creator.models import OPEN, IdempotencyKey, Task

DELETED_AT_ONCE = 500


def prune_tasks(now: datetime) -> int:
    """Delete finished tasks older than `TASK_RETENTION_DAYS`; return how many.

    Works in batches, so that no lock is held for long.
    """
    cutoff = now - timedelta(days=settings.TASK_RETENTION_DAYS)
    # Keys are valid for 24 hours only.
    IdempotencyKey.objects.filter(created_at__lt=now - timedelta(days=2)).delete()
    pruned = 0
    while True:
        old = Task.objects.filter(created_at__lt=cutoff).exclude(state__in=OPEN)
        ids = list(old.order_by("created_at", "id").values_list("pk", flat=True)[:DELETED_AT_ONCE])
        if not ids:
            return pruned
        Task.objects.filter(pk__in=ids).delete()
        pruned += len(ids)
