"""Statistics for the dashboard: courses of pictures and videos, queues, newest failures, busiest callers, runners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q

from bingproject.database.statistics import Course, StatisticsSource, read_courses
from bingproject.errors import OWNER, PromptRejectedError
from creator.models import Kind, Runner, State, Task

# Codes of prompts that Bing refused: these are no failures of the server.
REFUSALS = tuple(code for code, owner in OWNER.items() if owner is PromptRejectedError)


@dataclass(frozen=True, slots=True)
class Queue:
    """Numbers of tasks of one kind that wait and that are at Bing, and the time of the oldest waiting one."""

    kind: str
    waiting: int
    oldest_at: datetime | None
    at_bing: int


def read_work(now: datetime) -> dict[str, Course]:
    """Return the course of the last day, by kind."""
    refusals = ", ".join(f"'{code}'" for code in REFUSALS)
    outcome = (
        "CASE WHEN state = 'completed' THEN 'made' WHEN state = 'cancelled' THEN '' "
        f"WHEN error_code IN ({refusals}) THEN 'refused' ELSE 'failed' END"
    )
    # No task lasts longer than the deadlines of queue and result together, so older rows are not read.
    result_seconds = max(settings.VIDEO_DEADLINE_SECONDS, settings.IMAGE_DEADLINE_SECONDS)
    longest = timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS + result_seconds)
    return read_courses(StatisticsSource("creator_task", "kind", outcome, "created_at", "finished_at", longest), now)


def read_queues() -> list[Queue]:
    """Return the present queue of each kind."""
    is_waiting = Q(state=State.QUEUED)
    rows = Task.objects.unfinished().order_by().values_list("kind")
    found = rows.annotate(
        waiting=Count("pk", filter=is_waiting), oldest=Min("created_at", filter=is_waiting), all=Count("pk")
    )
    queues = {kind: Queue(kind, waiting, oldest, total - waiting) for kind, waiting, oldest, total in found}
    return [queues.get(kind) or Queue(kind, 0, None, 0) for kind in Kind.values]


def newest_failures(count: int) -> Sequence[Task]:
    """Return the newest failed or expired tasks, without refused prompts."""
    rows = Task.objects.filter(state__in=(State.FAILED, State.EXPIRED)).exclude(error_code__in=REFUSALS)
    return list(rows.select_related("account").order_by("-created_at", "-id")[:count])


def busiest_callers(now: datetime, count: int) -> list[tuple[str, int, int]]:
    """Return the callers with the most tasks since midnight UTC: (caller id, images, videos)."""
    today = Task.objects.filter(created_at__gte=datetime.combine(now.astimezone(UTC).date(), time.min, UTC))
    images, videos = (Count("pk", filter=Q(kind=kind)) for kind in (Kind.IMAGE, Kind.VIDEO))
    rows = today.order_by().values_list("caller_id").annotate(images=images, videos=videos, total=Count("pk"))
    return [(caller_id, made, filmed) for caller_id, made, filmed, _ in rows.order_by("-total", "caller_id")[:count]]


def live_runners(now: datetime) -> list[tuple[str, int]]:
    """Return the machines with a live runner and its number of tasks."""
    return list(Runner.objects.filter(lease_until__gt=now).order_by("machine").values_list("machine", "task_count"))
