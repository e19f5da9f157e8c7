"""A generation's age, measured by the monotonic clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from creator.models import State
from creator.services.running_task import RunningTask
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("ago_seconds", "age"), [(100, 100), (0, 0), (-7200, 0), (-864000, 0)])
def test_a_time_in_the_future_counts_as_now(ago_seconds: float, age: float) -> None:
    """A clock that ran ahead wrote it: the age is 0, and all the time until the deadline is left."""
    now = timezone.now()
    accepted_at = now - timedelta(seconds=ago_seconds)
    task = make_task(
        state=State.POLLING, account=make_account(), submit_at=accepted_at, accepted_at=accepted_at,
        deadline_at=accepted_at + timedelta(seconds=900),
    )  # fmt: skip
    generation = RunningTask.of(task)
    generation.start_clock(now)
    assert age <= generation.age_seconds < age + 60
    assert 900 - age - 60 < generation.left_seconds <= 900 - age


def test_without_an_acceptance_the_age_counts_from_the_submit() -> None:
    """For an uncertain task."""
    now = timezone.now()
    task = make_task(state=State.UNCERTAIN, account=make_account(), submit_at=now - timedelta(seconds=50))
    generation = RunningTask.of(task)
    generation.start_clock(now)
    assert 50 <= generation.age_seconds < 110
