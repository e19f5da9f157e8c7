"""What of the queue an operator should know of: that its oldest waits too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from bingproject.alerts import Cause
from creator.models import Kind, State, Task

_CALLED = {Kind.IMAGE: "picture", Kind.VIDEO: "video"}


def find_alert_causes(now: datetime) -> Iterator[Cause]:
    """One for each kind whose oldest task in the queue waits for longer than ALERT_QUEUE_MINUTES."""
    patience = timedelta(minutes=settings.ALERT_QUEUE_MINUTES)
    oldest = Task.objects.filter(state=State.QUEUED).order_by().values("kind").annotate(since=Min("created_at"))
    for row in oldest:
        if row["since"] < now - patience:
            yield Cause(
                f"queue of {row['kind']}s",
                f"The oldest {_CALLED[Kind(row['kind'])]} in the queue waits for more than "
                f"{settings.ALERT_QUEUE_MINUTES} minutes.",
                "See under Runners whether a worker runs, and under Accounts whether one is usable and not at its "
                "limit; another account carries more.",
            )
