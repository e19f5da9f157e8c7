"""Correct moments that a clock that ran ahead wrote to accounts: leases, paces, cooldowns and checks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts.microsoft.leases import LEASE_SECONDS
from accounts.models import Account, AccountCapability, Lease
from bingproject.cluster.clock_correction import SLACK, pull_back_moments

# The slowest pace that a row can have is one turn a minute.
LONGEST_PACE = timedelta(seconds=60)
_COOLDOWNS = (("cooldown_until", "cooldown_began_at"), ("fast_cooldown_until", "fast_cooldown_began_at"))


def pull_back(now: datetime) -> int:
    """Pull back the moments that lie too far ahead; return how many.

    A lease in use loses nothing: its process renews it.
    """
    ahead = now + SLACK
    count = Lease.objects.filter(until__gt=ahead + timedelta(seconds=LEASE_SECONDS)).update(
        until=now + timedelta(seconds=LEASE_SECONDS)
    )
    count += AccountCapability.objects.filter(paced_until__gt=ahead + LONGEST_PACE).update(paced_until=now)
    # Not `cookies_at`: verdicts compare it to recognise the cookies that they are about.
    moments: tuple[tuple[QuerySet[Any], str], ...] = (
        (Account.objects.all(), "token_asked_at"),
        (Account.objects.all(), "checked_at"),
        (AccountCapability.objects.all(), "checked_at"),
        (AccountCapability.objects.all(), "served_at"),
    )
    count += pull_back_moments(moments, now)
    return count + sum(_pull_back_cooldowns(until, began_at, now) for until, began_at in _COOLDOWNS)


def _pull_back_cooldowns(until: str, began_at: str, now: datetime) -> int:
    """Restart cooldowns that begin in the future at `now`, with their length; return how many."""
    count = 0
    for row in AccountCapability.objects.filter(**{f"{began_at}__gt": now + SLACK, f"{until}__isnull": False}):
        end = now + (getattr(row, until) - getattr(row, began_at))
        same = {"pk": row.pk, until: getattr(row, until)}  # skip a cooldown set since the row was read
        count += AccountCapability.objects.filter(**same).update(**{until: end, began_at: now})
    return count
