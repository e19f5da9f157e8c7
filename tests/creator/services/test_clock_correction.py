"""Correction of waiting tasks after a clock ran ahead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from creator.models import State
from creator.services.clock_correction import pull_back
from tests.creator.engine.running import reload
from tests.factories import make_task

pytestmark = pytest.mark.django_db
AHEAD = timedelta(hours=2)


def test_waiting_tasks_begin_to_wait_now() -> None:
    """The task is served in order and expires in time; other tasks stay as they are."""
    now = timezone.now()
    later: dict[str, Any] = {"created_at": now + AHEAD, "deadline_at": now + AHEAD + timedelta(hours=1)}
    ahead, ended, right = make_task(**later), make_task(state=State.FAILED, **later), make_task()
    before = [(row.created_at, row.deadline_at) for row in (reload(ended), reload(right))]
    assert pull_back(now) == 1
    row = reload(ahead)
    assert (row.created_at, row.deadline_at) == (now, now + timedelta(hours=1))
    assert [(row.created_at, row.deadline_at) for row in (reload(ended), reload(right))] == before
    assert pull_back(now) == 0


def test_repeats_join_a_task_no_longer_than_usual() -> None:
    """The join window is counted from now."""
    now = timezone.now()
    task = make_task(state=State.COMPLETED, unserved_at=now + AHEAD)
    assert pull_back(now) == 1
    assert reload(task).unserved_at == now
