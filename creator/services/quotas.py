"""Tasks and daily quotas: one generation is one, counted as it is created, given back if Bing never took it.

What Bing may have taken stays counted: `uncertain` too, and what fails after it was accepted.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection
from datetime import date, datetime

from accounts import limits
from accounts.models import WhitelistedUser
from creator.models import Task


def count_tasks(user: WhitelistedUser | None, kind: str, count: int, now: datetime) -> date | None:
    """Count tasks that are about to be created; None where nobody's quota is at stake.

    Raises: RateLimitError (`quota_exceeded`).
    """
    return None if user is None else limits.take_quota(user, kind, count, now)


def give_back(task_ids: Collection[uuid.UUID]) -> None:
    """Count these tasks no more, in the transaction that ended them: until it commits their rows are nobody else's.

    The row forgets the day that it counted against, so that it is given back once.
    """
    counted = Task.objects.filter(pk__in=task_ids).exclude(counted_on=None)
    found = list(counted.values_list("pk", "holder", "kind", "counted_on"))
    if not found:
        return
    Task.objects.filter(pk__in=[task_id for task_id, *_ in found]).update(counted_on=None)
    shares = Counter((holder, kind, day) for _, holder, kind, day in found if day is not None)
    # In an order that all processes share: two that wait for each other's counters would stand still.
    for (holder, kind, day), count in sorted(shares.items()):
        limits.give_back(holder, kind, day, count)
