"""Leases on accounts for chat turns and single calls: taken under the account's row lock, renewed, let go of.

A lease is a row, dead 30 s after its last renewal, so that a process that dies takes no account along; unless Bing goes
on with what was asked of it, which has an end of its own.
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
from bingproject.statements import columns_of, load

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
    """Hold the usable account with least work and room, or the one asked for; None when none has room now.

    An account whose pace allows no turn yet has none (see `Pace`).
    Shape: the lease's `account` is loaded. Exact under concurrency: the load is counted, and the pace taken, under the
    row's lock.
    Of several accounts only those that `may_take` says yes to. `most` accounts are tried, all by default: within a
    transaction of the caller's, whose locks last, only one may be.
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


# Marks for the values of a query whose text is kept: building it costs many times what running it does.
_CAPABILITY_MARK, _NOW_MARK, _ACCOUNT_MARK = "(capability)", datetime(1, 1, 2, tzinfo=UTC), -1


@cache
def _room_query(is_one: bool) -> tuple[str, tuple[Any, ...]]:
    """Which accounts have room, least work first, or whether a certain one has: text, and values with marks among them.

    The work of one alone is counted in a fraction of the time.
    """
    held = Lease.objects.filter(account=OuterRef("account_id"), capability=_CAPABILITY_MARK, until__gt=_NOW_MARK)
    counted = held.order_by().values("account_id").annotate(count=Count("pk")).values("count")
    usable = AccountCapability.objects.usable(_CAPABILITY_MARK, _NOW_MARK)
    in_pace = Q(per_minute=None) | Q(paced_until=None) | Q(paced_until__lte=_NOW_MARK)
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


# Fixed texts for the same reason. Counted in a statement of its own: one that waited for the lock would not see what
# was committed while it waited.
_LOCK = 'SELECT c."limit", c.account_id, c.per_minute, c.burst FROM accounts_accountcapability c WHERE c.id = %s'
_COUNT = "SELECT COUNT(*) FROM accounts_lease WHERE account_id = %s AND capability = %s AND until > %s"
_SERVE = "UPDATE accounts_accountcapability SET served_at = %s WHERE id = %s"
_INSERT = "INSERT INTO accounts_lease (account_id, capability, holder, until) VALUES (%s, %s, %s, %s) RETURNING id"
_ACCOUNT = "SELECT {columns} FROM accounts_account a WHERE a.id = %s"


def _take(capability_id: int, capability: str, holder: str, now: datetime) -> Lease | None:
    """A lease on this account if it still has room.

    One row's lock to a transaction: two that hold one each and want the other's would stand still.
    """
    until, adapt = now + timedelta(seconds=LEASE_SECONDS), connection.ops.adapt_datetimefield_value
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_LOCK + (" FOR UPDATE" if connection.features.has_select_for_update else ""), [capability_id])
        found = cursor.fetchone()
        if found is None:
            return None
        limit, account_id, per_minute, burst = found
        cursor.execute(_COUNT, [account_id, capability, adapt(now)])
        if cursor.fetchone()[0] >= limit or not _keeps_pace(capability_id, per_minute, burst, now):
            return None
        cursor.execute(_SERVE, [adapt(now), capability_id])
        cursor.execute(_INSERT, [account_id, capability, holder[:120], adapt(until)])
        (lease_id,) = cursor.fetchone()
        ((account, _),) = load(Account, _ACCOUNT.format(columns=columns_of(Account, "a")), [account_id])
    lease = Lease(pk=lease_id, account=account, capability=capability, holder=holder[:120], until=until)
    lease._state.adding = False
    return lease


def _keeps_pace(capability_id: int, per_minute: int | None, burst: int, now: datetime) -> bool:
    """Whether one more may begin now; if so it is counted. Exact under the row's lock.

    One figure is enough (the generic cell rate algorithm): from when on the next may begin. After a pause `burst` may
    begin in a row, then one each minute's `per_minute`th.
    """
    if not per_minute:
        return True
    row = AccountCapability.objects.filter(pk=capability_id)
    pace = _pace(per_minute, burst, row.values_list("paced_until", flat=True).get(), now)
    in_pace = row.filter(Q(paced_until=None) | Q(paced_until__lte=now))
    return bool(in_pace.update(paced_until=pace.next_at + pace.step))


@dataclass(frozen=True, slots=True)
class Pace:
    """When an account may begin turns: from `next_at` on, each of them putting that off by one `step`.

    Shape: before now when several may begin in a row; `step` is nothing where there is no pace.
    """

    next_at: datetime
    step: timedelta


def paces(capability: str, now: datetime) -> dict[int, Pace]:
    """The paces of the accounts that are usable now, by the accounts' ids.

    Says nothing of room: an account may be in pace and busy.
    """
    rows = AccountCapability.objects.usable(capability, now)
    found = rows.values_list("account_id", "per_minute", "burst", "paced_until")
    return {account_id: _pace(number, burst, until, now) for account_id, number, burst, until in found}


def _pace(per_minute: int | None, burst: int, paced_until: datetime | None, now: datetime) -> Pace:
    if not per_minute:
        return Pace(now, timedelta())
    step = timedelta(minutes=1) / per_minute
    rested = now - step * (max(burst, 1) - 1)
    return Pace(max(paced_until or rested, rested), step)


def count_leases(account_ids: Collection[int], now: datetime) -> dict[tuple[int, str], int]:
    """How many leases hold each of these accounts, by account and capability."""
    held = Lease.objects.filter(account__in=account_ids, until__gt=now).order_by()
    rows = held.values_list("account_id", "capability").annotate(count=Count("pk"))
    return {(account_id, capability): count for account_id, capability, count in rows}


def keep_lease(lease_id: int, until: datetime) -> None:
    """Hold the account until then without renewing it, whatever becomes of this process: Bing goes on all the same."""
    Lease.objects.filter(pk=lease_id).update(until=until)


def drop_lease(lease_id: int) -> None:
    """Let go of the account."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_lease WHERE id = %s", [lease_id])


def prune_leases(now: datetime) -> int:
    """Delete what dead processes left; how many."""
    return Lease.objects.filter(until__lt=now).delete()[0]


class Renewer:
    """Keeps the leases of one process alive: one task and one UPDATE for all of them, every `seconds`."""

    def __init__(self, seconds: float = RENEW_SECONDS) -> None:
        self._seconds = seconds
        self._held: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def hold(self, lease_id: int) -> None:
        """Renew it from now on."""
        self._held.add(lease_id)
        if self._task is None or self._task.done():
            # In a context of its own: that of a request leads to its thread, which is not to be had after its end.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def release(self, lease_id: int) -> None:
        """Renew it no more."""
        self._held.discard(lease_id)

    async def _run(self) -> None:
        while self._held:
            await asyncio.sleep(self._seconds)
            try:
                await sync_to_async(_renew)(list(self._held))
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%d leases were not renewed: %s", len(self._held), type(error).__name__)


def _renew(lease_ids: list[int]) -> None:
    close_old_connections()  # this thread serves no request, after which it would be done
    Lease.objects.filter(pk__in=lease_ids).update(until=timezone.now() + timedelta(seconds=LEASE_SECONDS))
