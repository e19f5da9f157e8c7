"""Old tasks are deleted."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from creator.models import IdempotencyKey, State, Task
from creator.services import prune_tasks
from tests.factories import make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_old_finished_tasks_are_pruned_and_open_ones_kept(settings: Settings) -> None:
    """Retention counts from creation; a running task is never deleted."""
    settings.TASK_RETENTION_DAYS = 10
    long_ago = NOW - timedelta(days=11)
    old = make_task(state=State.COMPLETED, created_at=long_ago, images=["https://b/1"])
    kept = [make_task(state=State.POLLING, created_at=long_ago), make_task(state=State.COMPLETED)]
    IdempotencyKey.objects.create(
        caller_id="open", route="/x", key="k", body_hash="", batch=uuid.uuid4(), created_at=long_ago
    )
    assert prune_tasks(NOW) == 1
    assert set(Task.objects.values_list("pk", flat=True)) == {task.pk for task in kept}
    assert not Task.objects.filter(pk=old.pk).exists()
    assert not IdempotencyKey.objects.exists()
