"""How work has gone: counts and exact percentiles by the hour and for the day, on either database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bingproject.database.statistics import HOURS, Course, Span, StatisticsSource, read_courses
from creator.models import State
from tests.factories import make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()
OUTCOME = (
    "CASE state WHEN 'completed' THEN 'made' WHEN 'cancelled' THEN '' WHEN 'expired' THEN 'refused' ELSE 'failed' END"
)
SOURCE = StatisticsSource("creator_task", "kind", OUTCOME, "created_at", "finished_at", timedelta(hours=1))


def ended(minutes_ago: float, seconds: float, state: str = State.COMPLETED, kind: str = "image") -> None:
    """A task that ended so long ago after so many seconds."""
    end = NOW - timedelta(minutes=minutes_ago)
    make_task(state=state, kind=kind, created_at=end - timedelta(seconds=seconds), finished_at=end)


def test_an_hours_figures_are_its_own() -> None:
    """Counts, median and 95th percentile of what was made; the day has all of it."""
    for seconds in range(1, 21):
        ended(30, seconds)
    ended(90, 100.0)
    course = read_courses(SOURCE, NOW)["image"]
    hour, before, day = course.last_hour, course.hours[-2], course.day
    assert [hour.made, before.made, day.made] == [20, 1, 21]
    assert [hour.p50, hour.p95, before.p50, day.p95] == pytest.approx([10, 19, 100, 20], abs=0.01)
    assert [span.made for span in course.hours[:-2]] == [0] * (HOURS - 2)


def test_failures_and_refusals_are_counted_apart() -> None:
    """A refused prompt is nobody's failure, and what does not count is left out; kinds are apart."""
    for state in (State.COMPLETED, State.COMPLETED, State.COMPLETED, State.FAILED, State.EXPIRED, State.CANCELLED):
        ended(10, 5, state)
    ended(10, 5, State.FAILED, kind="video")
    courses = read_courses(SOURCE, NOW)
    image, video = courses["image"].last_hour, courses["video"].last_hour
    assert (image.made, image.failed, image.refused, image.share) == (3, 1, 1, 0.75)
    assert (video.failed, video.share, video.p50) == (1, 0.0, None)


def test_only_the_last_day_counts() -> None:
    """Neither what ended before, nor what runs; without anything there is no course."""
    ended(HOURS * 60 + 5, 5)
    make_task(created_at=NOW)
    assert read_courses(SOURCE, NOW) == {}
    assert (Course().last_hour, Span().share) == (Span(), None)
    ended(HOURS * 60 - 5, 5)
    assert read_courses(SOURCE, NOW)["image"].hours[0].made == 1


def test_it_is_one_query() -> None:
    """However many kinds and hours there are."""
    ended(10, 5)
    ended(100, 5, kind="video")
    with CaptureQueriesContext(connection) as queries:
        read_courses(SOURCE, NOW)
    assert len(queries) == 1
