"""Measured durations of generations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from creator.models import State
from creator.services.durations import recent_durations
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def test_recent_durations() -> None:
    """Each has (kind, model, lane) and the seconds from acceptance to result."""
    now = timezone.now()
    make_task(state=State.COMPLETED, lane="fast", accepted_at=now - timedelta(seconds=9), finished_at=now)
    make_task(state=State.COMPLETED, accepted_at=None)
    make_task(state=State.FAILED, accepted_at=now)
    assert recent_durations() == [(("image", "DALLE", "fast"), 9.0)]
