"""Leases on accounts for chat turns and single calls: taken under the account's row lock, renewed, let go of.

A lease is a row, dead 30 s after its last renewal, so that a process that dies takes no account along.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from contextvars import Context
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.db.models import Count
from django.utils import timezone

from accounts.models import AccountCapability, Lease

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0


def take_lease(
    capability: str, holder: str, now: datetime, *, only: int | None = None, excluding: Collection[int] = ()
) -> Lease | None:
    """Hold the usable account with least work and room, or the one asked for; None when none has room.

    Shape: the lease's `account` is loaded. Exact under concurrency: the load is counted under the row's lock.
    """
    rows = AccountCapability.objects.usable(capability, now).exclude(account__in=excluding)
    if only is not None:
        rows = rows.filter(account=only)
    loads = _loads(capability, now)
    for row in sorted(rows, key=lambda row: loads[row.account_id]):
        if loads[row.account_id] < row.limit:
            lease = _take(row, holder, now)
            if lease is not None:
                return lease
    return None


def _take(row: AccountCapability, holder: str, now: datetime) -> Lease | None:
    """A lease on this account if it still has room.

    One row's lock to a transaction: two that hold one each and want the other's would stand still.
    """
    with transaction.atomic():
        locked = AccountCapability.objects.select_for_update(of=("self",)).select_related("account").get(pk=row.pk)
        held = Lease.objects.filter(account=row.account_id, capability=row.capability, until__gt=now)
        if held.count() >= locked.limit:
            return None
        AccountCapability.objects.filter(pk=row.pk).update(served_at=now)
        lease = Lease.objects.create(
            account=locked.account,
            capability=row.capability,
            holder=holder[:120],
            until=now + timedelta(seconds=LEASE_SECONDS),
        )
    return lease


def _loads(capability: str, now: datetime) -> Counter[int]:
    rows = Lease.objects.filter(capability=capability, until__gt=now).order_by()
    return Counter(dict(rows.values_list("account_id").annotate(count=Count("pk"))))


def drop_lease(lease_id: int) -> None:
    """Let go of the account."""
    Lease.objects.filter(pk=lease_id).delete()


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
