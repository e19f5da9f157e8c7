"""Counters as rows: taken by one conditional statement, so that they are exact over threads, processes and machines."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from accounts.models import UsageCounter

REQUESTS = "requests"
# Above what any column of ours may allow, and within a column of either database.
NO_LIMIT = 2**31 - 1
KEPT_MINUTES, KEPT_DAYS = 60, 8

# Fixed texts, since limited callers pay for them with every request. One statement finds room and takes it; two that
# come at once to a window without a row meet in the unique constraint, and the second is judged by what the first left.
_TAKE = """
INSERT INTO accounts_usagecounter (holder, kind, window_at, count) VALUES (%s, %s, %s, %s)
ON CONFLICT (holder, kind, window_at) DO UPDATE SET count = accounts_usagecounter.count + excluded.count
WHERE accounts_usagecounter.count + excluded.count <= %s
RETURNING count
"""
_GIVE_BACK = """
UPDATE accounts_usagecounter SET count = count - %s WHERE holder = %s AND kind = %s AND window_at = %s AND count >= %s
"""
_USED = "SELECT count FROM accounts_usagecounter WHERE holder = %s AND kind = %s AND window_at = %s"


def take(holder: str, kind: str, window_at: datetime, number: int, limit: int | None) -> int | None:
    """Count `number` more if that stays within the limit: the new count, or None and nothing changed."""
    most = NO_LIMIT if limit is None else limit
    if number > most:
        return None  # the first of a window meets no row that could refuse it
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [holder, kind, _adapted(window_at), number, most])
        # All rows: SQLite commits a statement of its own only when it has been read to its end.
        rows = cursor.fetchall()
    return int(rows[0][0]) if rows else None


def release(holder: str, kind: str, window_at: datetime, number: int) -> None:
    """Count `number` less; whoever calls sees to it that this happens once."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [number, holder, kind, _adapted(window_at), number])


def read(holder: str, kind: str, window_at: datetime) -> int:
    """How much has been counted."""
    with connection.cursor() as cursor:
        cursor.execute(_USED, [holder, kind, _adapted(window_at)])
        rows = cursor.fetchall()
    return int(rows[0][0]) if rows else 0


def read_many(holders: Collection[str], window_at: datetime) -> Iterator[tuple[str, str, int]]:
    """(holder, kind, count) of many holders in one query."""
    rows = UsageCounter.objects.filter(window_at=window_at, holder__in=holders)
    yield from rows.values_list("holder", "kind", "count")


def prune_counters(now: datetime) -> int:
    """Delete counters of windows that nobody takes from or gives back to any more; how many."""
    minutes = UsageCounter.objects.filter(kind=REQUESTS, window_at__lt=now - timedelta(minutes=KEPT_MINUTES))
    days = UsageCounter.objects.filter(window_at__lt=now - timedelta(days=KEPT_DAYS))
    return minutes.delete()[0] + days.delete()[0]


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
