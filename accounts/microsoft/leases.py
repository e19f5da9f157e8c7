"""Lease accounts for chat turns and single calls: take a lease under the account's row lock, renew it, drop it.

A lease is a row that expires 30 s after its last renewal, so that a process that dies does not keep an account. Work
that Bing continues without this process has a lease with a fixed end instead (`keep_lease`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Account, AccountCapability, Lease
from bingproject.database.prepared_sql import columns_of, load
from bingproject.database.text_fields import column_value

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0


def take_lease(
    capability: str,
    holder: str,
    now: datetime,
    *,
    only: int | None = None,
    may_take: Callable[[int], bool] | None = None,
    most: int = 0,
) -> Lease | None:
    """Lease the least loaded usable account that has room and whose pace allows a turn now.

    Concurrent callers never exceed a limit or a pace: both are checked again under the row's lock.

    Args:
        capability: The work that the account is for.
        holder: A name for the lease's owner, for operators.
        now: The moment that limits, cooldowns and paces are compared with.
        only: The id of the one account to try.
        may_take: Called with an account's id; False skips the account.
        most: How many accounts to try; 0 for all. In a transaction of the caller's, try one only: the locks last until
            it ends.

    Returns:
        The lease, with its `account` loaded; None if no account has room now.
    """
    tried = 0
    for capability_id, account_id in _accounts_with_room(capability, now, only, limit=0 if may_take else most):
        if may_take is not None and not may_take(account_id):
            continue
        lease = _take(capability_id, capability, holder, now)
        tried += 1
        if lease is not None or tried == most:
            return lease
    return None


# Placeholders in a query that is built once: building it takes many times longer than running it.
_CAPABILITY_MARK, _NOW_MARK, _ACCOUNT_MARK = "(capability)", datetime(1, 1, 2, tzinfo=UTC), -1


@cache
def _room_query(is_one: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL that finds accounts with room, least loaded first, and its parameters with the marks above.

    With `is_one` the query has a condition on the account, which takes a fraction of the time.
    """
    held = Lease.objects.filter(account=OuterRef("account_id"), capability=_CAPABILITY_MARK, until__gt=_NOW_MARK)
    counted = held.order_by().values("account_id").annotate(count=Count("pk")).values("count")
    usable = AccountCapability.objects.usable(_CAPABILITY_MARK, _NOW_MARK)
    in_pace = (
        Q(per_minute=None) | Q(paced_until=None) | Q(paced_until__lte=_NOW_MARK) | Q(paced_until__lte=F("served_at"))
    )
    rows = usable.annotate(load=Coalesce(Subquery(counted), 0)).filter(in_pace, load__lt=F("limit"))
    rows = rows.order_by("load", F("served_at").asc(nulls_first=True), "pk")
    rows = rows.filter(account=_ACCOUNT_MARK) if is_one else rows
    return rows.values_list("pk", "account_id").query.sql_with_params()


def _accounts_with_room(capability: str, now: datetime, only: int | None, limit: int) -> list[tuple[int, int]]:
    text, values = _room_query(only is not None)
    adapt = connection.ops.adapt_datetimefield_value
    places = {_CAPABILITY_MARK: capability, adapt(_NOW_MARK): adapt(now), _ACCOUNT_MARK: only}
    with connection.cursor() as cursor:
        cursor.execute(text + (f" LIMIT {limit:d}" if limit else ""), [places.get(value, value) for value in values])
        return [(capability_id, account_id) for capability_id, account_id, *_ in cursor.fetchall()]


# Fixed texts for the same reason. The count is a statement of its own: the one that waits for the lock does not see
# what others commit in the meantime.
_LOCK = 'SELECT c."limit", c.account_id, c.per_minute, c.burst FROM accounts_accountcapability c WHERE c.id = %s'
_COUNT = "SELECT COUNT(*) FROM accounts_lease WHERE account_id = %s AND capability = %s AND until > %s"
_SERVE = "UPDATE accounts_accountcapability SET served_at = %s WHERE id = %s"
_INSERT = "INSERT INTO accounts_lease (account_id, capability, holder, until) VALUES (%s, %s, %s, %s) RETURNING id"
_ACCOUNT = "SELECT {columns} FROM accounts_account a WHERE a.id = %s"


def _take(capability_id: int, capability: str, holder: str, now: datetime) -> Lease | None:
    """Lease this account if it still has room and its pace allows it; else return None.

    The transaction locks one row only: two transactions that lock several rows could deadlock.
    """
    holder = column_value(Lease, "holder", holder)
    until, adapt = now + timedelta(seconds=LEASE_SECONDS), connection.ops.adapt_datetimefield_value
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_LOCK + (" FOR UPDATE" if connection.features.has_select_for_update else ""), [capability_id])
        found = cursor.fetchone()
        if found is None:
            return None
        limit, account_id, per_minute, burst = found
        cursor.execute(_COUNT, [account_id, capability, adapt(now)])
        if cursor.fetchone()[0] >= limit:
            return None
        started_at = _start_turn(capability_id, per_minute, burst, now)
        if started_at is None:
            return None
        cursor.execute(_SERVE, [adapt(started_at), capability_id])
        cursor.execute(_INSERT, [account_id, capability, holder, adapt(until)])
        (lease_id,) = cursor.fetchone()
        ((account, _),) = load(Account, _ACCOUNT.format(columns=columns_of(Account, "a")), [account_id])
    lease = Lease(pk=lease_id, account=account, capability=capability, holder=holder, until=until)
    lease._state.adding = False
    return lease


def _start_turn(capability_id: int, per_minute: int | None, burst: int, now: datetime) -> datetime | None:
    """Count one more turn if the pace allows it, and return the moment it starts at; None if the pace does not.

    The generic cell rate algorithm needs one figure, the moment from which the next turn may start: after a pause
    `burst` turns may start in a row, then one every 60 / `per_minute` seconds. The caller holds the row's lock.
    """
    if not per_minute:
        return now
    row = AccountCapability.objects.filter(pk=capability_id)
    paced_until, served_at = row.values_list("paced_until", "served_at").get()
    # Callers read the clock before they wait for the lock, so `now` may be earlier than the start of a turn that got
    # the lock first. Count from the later moment, or a start that the pace allows would be lost.
    moment = max(now, served_at or now)
    pace = _pace(per_minute, burst, paced_until, moment)
    if pace.next_at > moment:
        return None
    row.update(paced_until=pace.next_at + pace.step)
    return moment


@dataclass(frozen=True, slots=True)
class Pace:
    """When an account may start turns.

    Attributes:
        next_at: When the next turn may start; in the past if several may start in a row.
        step: By how much each turn delays `next_at`; zero for an account without a pace.
    """

    next_at: datetime
    step: timedelta


def paces(capability: str, now: datetime) -> dict[int, Pace]:
    """Return the paces of the accounts that are usable now, by account id.

    An account may be busy although its pace allows a turn.
    """
    rows = AccountCapability.objects.usable(capability, now)
    found = rows.values_list("account_id", "per_minute", "burst", "paced_until")
    return {account_id: _pace(number, burst, until, now) for account_id, number, burst, until in found}


def _pace(per_minute: int | None, burst: int, paced_until: datetime | None, now: datetime) -> Pace:
    if not per_minute:
        return Pace(now, timedelta())
    step = timedelta(minutes=1) / per_minute
    cooled_down = now - step * (max(burst, 1) - 1)
    return Pace(max(paced_until or cooled_down, cooled_down), step)


def count_leases(account_ids: Collection[int], now: datetime) -> dict[tuple[int, str], int]:
    """Return the number of leases on each of these accounts, by account id and capability; without leases, no key."""
    held = Lease.objects.filter(account__in=account_ids, until__gt=now).order_by()
    rows = held.values_list("account_id", "capability").annotate(count=Count("pk"))
    return {(account_id, capability): count for account_id, capability, count in rows}


def keep_lease(lease_id: int, until: datetime) -> None:
    """Keep the lease until then without renewal, because Bing continues the work even if this process dies."""
    Lease.objects.filter(pk=lease_id).update(until=until)


def drop_lease(lease_id: int) -> None:
    """Delete the lease."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_lease WHERE id = %s", [lease_id])


def prune_leases(now: datetime) -> int:
    """Delete expired leases, which dead processes left; return how many."""
    return Lease.objects.filter(until__lt=now).delete()[0]


class Renewer:
    """Renew the leases of one process: one task and one UPDATE for all of them, every `seconds`."""

    def __init__(self, seconds: float = RENEW_SECONDS) -> None:
        self._seconds = seconds
        self._held: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def hold(self, lease_id: int) -> None:
        """Renew the lease from now on."""
        self._held.add(lease_id)
        if self._task is None or self._task.done():
            # An empty context: a request's context leads asgiref to the request's thread, which ends with the request.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def release(self, lease_id: int) -> None:
        """Stop renewing the lease."""
        self._held.discard(lease_id)

    async def _run(self) -> None:
        while self._held:
            await asyncio.sleep(self._seconds)
            try:
                await sync_to_async(_renew)(list(self._held))
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%d leases were not renewed: %s", len(self._held), type(error).__name__)


def _renew(lease_ids: list[int]) -> None:
    close_old_connections()  # Django does this after a request only, and this thread serves none
    Lease.objects.filter(pk__in=lease_ids).update(until=timezone.now() + timedelta(seconds=LEASE_SECONDS))
