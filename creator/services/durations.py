"""Durations of generations: deadlines, measured durations, and how long a slot stays taken."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from creator.models import Kind, State, Task

# How long Bing may still work on a request of unknown outcome: the usual time of an image, and of a fast video.
SLOT_SECONDS = {Kind.IMAGE: 120, Kind.VIDEO: 600}
LONGEST_SLOT_SECONDS = max(SLOT_SECONDS.values())


def slot_end(kind: str, submit_at: datetime) -> datetime:
    """Return until when a request with an unknown end counts as running at Bing."""
    return submit_at + timedelta(seconds=SLOT_SECONDS[Kind(kind)])


def result_deadline(kind: str, accepted_at: datetime) -> datetime:
    """Return when to give up waiting for a generation that Bing accepted."""
    return accepted_at + timedelta(seconds=result_seconds(kind))


def result_seconds(kind: str) -> float:
    """Return how long to wait for a result."""
    return float(settings.VIDEO_DEADLINE_SECONDS if kind == Kind.VIDEO else settings.IMAGE_DEADLINE_SECONDS)


def recent_durations(count: int = 300) -> list[tuple[tuple[str, str, str], float]]:
    """Return how long the newest completed generations took: (kind, model, lane) and seconds, oldest first."""
    rows = Task.objects.filter(state=State.COMPLETED).order_by("-created_at", "-id")
    fields = rows.values_list("kind", "model", "lane", "accepted_at", "finished_at")[:count]
    found = [
        ((kind, model, lane), (end - begin).total_seconds())
        for kind, model, lane, begin, end in reversed(fields)
        if begin is not None and end is not None
    ]
    # A clock that was corrected between the two moments makes the difference meaningless.
    return [(sort, seconds) for sort, seconds in found if 0 <= seconds <= result_seconds(sort[0])]
