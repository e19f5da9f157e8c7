"""The alert cause of the creator: the oldest task in the queue waits too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from bingproject.alerts.causes import Cause
from creator.models import Kind, State, Task

_NAMES = {Kind.IMAGE: "picture", Kind.VIDEO: "video"}


def find_alert_causes(now: datetime) -> Iterator[Cause]:
    """Yield a cause for each kind whose oldest queued task has waited longer than ALERT_QUEUE_MINUTES."""
    patience = timedelta(minutes=settings.ALERT_QUEUE_MINUTES)
    oldest = Task.objects.filter(state=State.QUEUED).order_by().values("kind").annotate(since=Min("created_at"))
    for row in oldest:
        if row["since"] < now - patience:
            yield Cause(
                f"queue of {row['kind']}s",
                f"The oldest {_NAMES[Kind(row['kind'])]} in the queue has waited for more than "
                f"{settings.ALERT_QUEUE_MINUTES} minutes.",
                "Check under Runners that a worker runs, and under Accounts that one is usable and below its limit. "
                "Another account raises the capacity.",
            )
