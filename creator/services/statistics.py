"""What operators want to know at a glance: how pictures and videos go, what waits, what failed last, who asks most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q

from bingproject.errors import OWNER, PromptRejectedError
from bingproject.rates import Course, Source, read_courses
from creator.models import Kind, Runner, State, Task

# Prompts that Bing turned away: the server did its part.
REFUSALS = tuple(code for code, owner in OWNER.items() if owner is PromptRejectedError)


@dataclass(frozen=True, slots=True)
class Queue:
    """What of one kind waits for an account and what is at Bing; `oldest_at` is when the first of the waiting came."""

    kind: str
    waiting: int
    oldest_at: datetime | None
    at_bing: int


def read_work(now: datetime) -> dict[str, Course]:
    """How each kind went within the last day."""
    refusals = ", ".join(f"'{code}'" for code in REFUSALS)
    outcome = (
        "CASE WHEN state = 'completed' THEN 'made' WHEN state = 'cancelled' THEN '' "
        f"WHEN error_code IN ({refusals}) THEN 'refused' ELSE 'failed' END"
    )
    result_seconds = max(settings.VIDEO_DEADLINE_SECONDS, settings.IMAGE_DEADLINE_SECONDS)
    longest = timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS + result_seconds)
    return read_courses(Source("creator_task", "kind", outcome, "created_at", "finished_at", longest), now)


def read_queues() -> list[Queue]:
    """Each kind's queue, as it is now."""
    is_waiting = Q(state=State.QUEUED)
    rows = Task.objects.unfinished().order_by().values_list("kind")
    found = rows.annotate(
        waiting=Count("pk", filter=is_waiting), oldest=Min("created_at", filter=is_waiting), all=Count("pk")
    )
    queues = {kind: Queue(kind, waiting, oldest, total - waiting) for kind, waiting, oldest, total in found}
    return [queues.get(kind) or Queue(kind, 0, None, 0) for kind in Kind.values]


def newest_failures(count: int) -> Sequence[Task]:
    """What failed or expired last, refused prompts aside."""
    rows = Task.objects.filter(state__in=(State.FAILED, State.EXPIRED)).exclude(error_code__in=REFUSALS)
    return list(rows.select_related("account").order_by("-created_at", "-id")[:count])


def busiest_holders(now: datetime, count: int) -> list[tuple[str, int, int]]:
    """Who has asked for most since midnight, UTC: key-holder, images, videos."""
    today = Task.objects.filter(created_at__gte=datetime.combine(now.astimezone(UTC).date(), time.min, UTC))
    images, videos = (Count("pk", filter=Q(kind=kind)) for kind in (Kind.IMAGE, Kind.VIDEO))
    rows = today.order_by().values_list("holder").annotate(images=images, videos=videos, total=Count("pk"))
    return [(holder, made, filmed) for holder, made, filmed, _ in rows.order_by("-total", "holder")[:count]]


def live_runners(now: datetime) -> list[tuple[str, int]]:
    """Machines that carry tasks right now, and how many each."""
    return list(Runner.objects.filter(lease_until__gt=now).order_by("machine").values_list("machine", "task_count"))
