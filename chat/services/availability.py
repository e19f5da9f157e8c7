"""Which accounts can chat over which back end, and why none can."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils import timezone

from accounts.microsoft.leases import paces
from accounts.microsoft.services.availability import find_obstacle, first_cooldown_end, read_states
from accounts.models import AccountCapability
from bingproject.errors import NoAccountError, ServiceError
from chat.services.backends import BACK_ENDS
from chat.services.wait_queue import Waiter


def usable_back_ends(now: datetime) -> set[str]:
    """Return the back ends that have a usable account now."""
    return {
        name
        for name, back_end in BACK_ENDS.items()
        if AccountCapability.objects.usable(back_end.capability, now).exists()
    }


def has_account(back_end: str, excluded: Collection[int] = (), *, only: int | None = None) -> bool:
    """True if a usable account is left that is not `excluded`; with `only`, if that account is one."""
    rows = AccountCapability.objects.usable(BACK_ENDS[back_end].capability, timezone.now())
    rows = rows if only is None else rows.filter(account=only)
    return rows.exclude(account__in=excluded).exists() if excluded else rows.exists()


def why_no_account(back_ends: Iterable[str], now: datetime, *, only: int | None = None) -> ServiceError:
    """Return the error for a turn that no account of these back ends can take, or not the account `only`.

    An account that merely cools down counts first, then the obstacle that an operator can correct most easily.
    """
    capabilities = {name: BACK_ENDS[name].capability for name in back_ends}
    ends = [
        (end, name)
        for name, capability in capabilities.items()
        if (end := first_cooldown_end(capability, now, only=only)) is not None
    ]
    if ends:
        end, name = min(ends)
        return BACK_ENDS[name].errors.build("throttled", "", retry_after=(end - now).total_seconds())
    for name, capability in capabilities.items():
        if code := find_obstacle(read_states(capability, only=only)):
            return BACK_ENDS[name].errors.build(code, "")
    return NoAccountError()


def expected_start(back_end: str, waiter: Waiter, earlier: Iterable[Waiter], now: datetime) -> datetime:
    """Return when the pace of its accounts lets a turn begin, after the turns that wait before it have begun.

    The duration of those turns is unknown and not included.
    """
    known = paces(BACK_ENDS[back_end].capability, now)
    own = [account_id for account_id in known if waiter.may_take(account_id)]
    if not all(known[account_id].step for account_id in own):
        return now
    starts = {account_id: pace.next_at for account_id, pace in known.items()}
    for other in earlier:
        taken = min(filter(other.may_take, starts), key=starts.__getitem__, default=None)
        if taken is not None:
            starts[taken] += known[taken].step
    return max(min((starts[account_id] for account_id in own), default=now), now)
