"""Correct times in the future, which a clock that ran ahead has written to waiting tasks.

Uncorrected, these tasks would come last and wait too long, until the clock has caught up.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from bingproject.cluster.clock_correction import SLACK
from creator.models import State, Task


def pull_back(now: datetime) -> int:
    """Move queue times and join windows that lie in the future to `now`; return the number of changed rows."""
    ahead = now + SLACK
    count = Task.objects.filter(state=State.QUEUED, created_at__gt=ahead).update(
        created_at=now, deadline_at=now + timedelta(seconds=settings.QUEUE_DEADLINE_SECONDS)
    )
    return count + Task.objects.filter(unserved_at__gt=ahead).update(unserved_at=now)
