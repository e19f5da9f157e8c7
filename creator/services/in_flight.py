"""Count the requests that accounts have at Bing, which operators see beside the accounts' limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from django.db.models import Count

from creator.models import AT_BING, FINISHED, Task


def count_in_flight(account_ids: Collection[int], now: datetime) -> Counter[tuple[int, str]]:
    """Return the number of requests that may be running at Bing, by account id and kind, in one query.

    The query is a union of two, so that each uses its own index: running tasks, and tasks that ended here but may still
    run there.
    """
    running = Task.objects.filter(account__in=account_ids, state__in=AT_BING)
    lingering = Task.objects.filter(account__in=account_ids, slot_until__gt=now, state__in=FINISHED)
    halves = [
        rows.order_by().values_list("account_id", "kind").annotate(count=Count("pk")) for rows in (running, lingering)
    ]
    loads: Counter[tuple[int, str]] = Counter()
    for account_id, kind, count in halves[0].union(halves[1], all=True):
        loads[account_id, kind] += count
    return loads
