"""Ends of tasks that wait in the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from bingproject.errors import AccountThrottledError
from creator.models import State
from creator.services.queued_tasks import expire_queued, fail_queued
from tests.creator.engine.running import reload
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def test_due_tasks_of_a_kind_fail_together() -> None:
    """A delayed task does not fail, since it may find an account later."""
    due, video = make_task(), make_task(kind="video")
    delayed = make_task(next_at=timezone.now() + timedelta(seconds=20))
    assert fail_queued("image", AccountThrottledError(code="throttled"), timezone.now()) == 1
    assert reload(due).error_code == "throttled"
    assert {reload(video).state, reload(delayed).state} == {State.QUEUED}


def test_what_waits_too_long_expires() -> None:
    """`expired` from the deadline on, not before."""
    late, early = make_task(deadline_at=timezone.now() - timedelta(seconds=1)), make_task()
    assert expire_queued(timezone.now()) == 1
    assert (reload(late).state, reload(late).error_code) == (State.EXPIRED, "expired")
    assert reload(early).state == State.QUEUED
