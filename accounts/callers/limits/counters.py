"""Counters in rows, changed by single conditional statements: exact across threads, processes and machines."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from accounts.models import UsageCounter
from bingproject.database.text_fields import column_value

REQUESTS = "requests"
# Larger than any configurable limit, and within an integer column of both databases.
NO_LIMIT = 2**31 - 1
KEPT_MINUTES, KEPT_DAYS = 60, 8

# Fixed texts, since every request of a limited caller runs one. One statement checks the limit and counts. Two first
# requests of a window meet in the unique constraint, where the second is checked against the row of the first.
_TAKE = """
INSERT INTO accounts_usagecounter (caller_id, kind, window_at, count) VALUES (%s, %s, %s, %s)
ON CONFLICT (caller_id, kind, window_at) DO UPDATE SET count = accounts_usagecounter.count + excluded.count
WHERE accounts_usagecounter.count + excluded.count <= %s
RETURNING count
"""
_GIVE_BACK = """
UPDATE accounts_usagecounter SET count = count - %s
WHERE caller_id = %s AND kind = %s AND window_at = %s AND count >= %s
"""
_USED = "SELECT count FROM accounts_usagecounter WHERE caller_id = %s AND kind = %s AND window_at = %s"


def take(caller_id: str, kind: str, window_at: datetime, number: int, limit: int | None) -> int | None:
    """Add `number` if the sum stays within the limit; return the new count, or None if nothing changed."""
    most = NO_LIMIT if limit is None else limit
    if number > most:
        return None  # a window's first INSERT meets no row, so its WHERE would not check the limit
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [_written(caller_id), kind, _adapted(window_at), number, most])
        # fetchall: SQLite commits a statement outside a transaction only after its last row was read.
        rows = cursor.fetchall()
    return int(rows[0][0]) if rows else None


def release(caller_id: str, kind: str, window_at: datetime, number: int) -> None:
    """Subtract `number`; the caller makes sure that this happens once."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [number, _written(caller_id), kind, _adapted(window_at), number])


def read(caller_id: str, kind: str, window_at: datetime) -> int:
    """Return the count of one window; 0 without a row."""
    with connection.cursor() as cursor:
        cursor.execute(_USED, [_written(caller_id), kind, _adapted(window_at)])
        rows = cursor.fetchall()
    return int(rows[0][0]) if rows else 0


def read_many(caller_ids: Collection[str], window_at: datetime) -> Iterator[tuple[str, str, int]]:
    """Yield (caller_id, kind, count) of many callers from one query."""
    rows = UsageCounter.objects.filter(window_at=window_at, caller_id__in=caller_ids)
    yield from rows.values_list("caller_id", "kind", "count")


def prune_counters(now: datetime) -> int:
    """Delete counters of windows that no running work can change any more; return their number."""
    minutes = UsageCounter.objects.filter(kind=REQUESTS, window_at__lt=now - timedelta(minutes=KEPT_MINUTES))
    days = UsageCounter.objects.filter(window_at__lt=now - timedelta(days=KEPT_DAYS))
    return minutes.delete()[0] + days.delete()[0]


def _written(caller_id: str) -> Any:
    return column_value(UsageCounter, "caller_id", caller_id)


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
