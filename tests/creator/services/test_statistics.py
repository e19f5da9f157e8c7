"""Statistics for the dashboard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from creator.models import State
from creator.services import statistics
from tests.factories import make_account, make_runner, make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_work_is_counted_by_kind() -> None:
    """Made, refused and failed tasks; cancelled ones do not count."""
    ends = (
        (State.COMPLETED, ""), (State.FAILED, "blocked"), (State.FAILED, "timeout"), (State.EXPIRED, "expired"),
        (State.CANCELLED, "cancelled"),
    )  # fmt: skip
    for state, code in ends:
        make_task(state=state, error_code=code, created_at=NOW - timedelta(seconds=9), finished_at=NOW)
    hour = statistics.read_work(NOW)["image"].last_hour
    assert (hour.made, hour.refused, hour.failed) == (1, 1, 2)
    assert hour.p50 == pytest.approx(9, abs=0.01)


def test_a_video_that_took_hours_counts_when_it_ends() -> None:
    """It was requested long before the hour in which it counts."""
    make_task(kind="video", state=State.COMPLETED, created_at=NOW - timedelta(hours=29), finished_at=NOW)
    assert statistics.read_work(NOW)["video"].last_hour.made == 1


def test_queues_have_the_time_of_their_oldest_task() -> None:
    """One query; a kind without tasks has an empty queue."""
    first = NOW - timedelta(minutes=7)
    for created_at, state in ((NOW, State.QUEUED), (first, State.QUEUED), (first, State.POLLING), (NOW, State.FAILED)):
        make_task(created_at=created_at, state=state)
    with CaptureQueriesContext(connection) as queries:
        image, video = statistics.read_queues()
    assert len(queries) == 1
    assert (image.kind, image.waiting, image.oldest_at, image.at_bing) == ("image", 2, first, 1)
    assert (video.waiting, video.oldest_at, video.at_bing) == (0, None, 0)


def test_the_newest_failures_come_first() -> None:
    """Without refused and cancelled tasks; accounts are read in the same query."""
    account = make_account()
    make_task(state=State.FAILED, error_code="blocked")
    make_task(state=State.CANCELLED, error_code="cancelled")
    old = make_task(state=State.EXPIRED, error_code="expired", created_at=NOW - timedelta(hours=1))
    new = make_task(state=State.FAILED, error_code="timeout", account=account)
    with CaptureQueriesContext(connection) as queries:
        found = [(task, task.account) for task in statistics.newest_failures(5)]
    assert (found, len(queries)) == ([(new, account), (old, None)], 1)
    assert statistics.newest_failures(1) == [new]


def test_the_busiest_callers_of_today() -> None:
    """Since midnight UTC, by kind; the busiest first."""
    for caller_id, kind in (("user:anna", "image"), ("user:anna", "video"), ("open", "image")):
        make_task(caller_id=caller_id, kind=kind, created_at=NOW)
    make_task(caller_id="user:bert", created_at=NOW - timedelta(days=1))
    assert statistics.busiest_callers(NOW, 5) == [("user:anna", 1, 1), ("open", 1, 0)]
    assert statistics.busiest_callers(NOW, 1) == [("user:anna", 1, 1)]


def test_live_runners() -> None:
    """Machines and numbers of tasks; dead runners are left out."""
    make_runner(machine="b", task_count=7)
    make_runner(machine="a", task_count=2)
    make_runner(machine="dead", lease_until=NOW - timedelta(minutes=1))
    assert statistics.live_runners(NOW) == [("a", 2), ("b", 7)]
