"""Count tasks against their user's daily quota when they are created; give the quota back if Bing never accepted them.

A task that Bing may have accepted stays counted: also an `uncertain` one, and one that fails after it was accepted.
Otherwise a caller could hang up on purpose and pay nothing (decision 33).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection
from datetime import date, datetime

from accounts.callers import limits
from accounts.models import WhitelistedUser
from creator.models import Task


def count_tasks(user: WhitelistedUser | None, kind: str, count: int, now: datetime) -> date | None:
    """Count tasks that are about to be created; return the UTC day they count against, None without a user.

    Raises:
        RateLimitError: `quota_exceeded`.
    """
    return None if user is None else limits.take_quota(user, kind, count, now)


def give_back(task_ids: Collection[uuid.UUID]) -> None:
    """Give back the quota of tasks, in the transaction that ends them and so has locked their rows.

    Each row's `counted_on` is cleared, so that its quota is given back only once.
    """
    counted = Task.objects.filter(pk__in=task_ids).exclude(counted_on=None)
    found = list(counted.values_list("pk", "caller_id", "kind", "counted_on"))
    if not found:
        return
    Task.objects.filter(pk__in=[task_id for task_id, *_ in found]).update(counted_on=None)
    shares = Counter((caller_id, kind, day) for _, caller_id, kind, day in found if day is not None)
    # Sorted, because all processes must lock the counters in the same order: otherwise two could deadlock.
    for (caller_id, kind, day), count in sorted(shares.items()):
        limits.give_back(caller_id, kind, day, count)
