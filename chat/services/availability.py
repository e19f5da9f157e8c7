"""Which accounts can chat over which back end, and what stands in the way when none can."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from accounts.leases import paces
from accounts.models import AccountCapability, AccountState
from bingproject.errors import NoAccountError, ServiceError
from chat.services.backends import BACK_ENDS
from chat.services.line import Waiting

_MENDED_BY_OPERATORS = (
    (AccountState.EXPIRED, "cookie_expired"),
    (AccountState.CHALLENGED, "challenge_required"),
    (AccountState.BLOCKED, "account_blocked"),
)


def usable_back_ends(now: datetime) -> set[str]:
    """Those for which some account may be given work now."""
    return {
        name
        for name, back_end in BACK_ENDS.items()
        if AccountCapability.objects.usable(back_end.capability, now).exists()
    }


def has_account(back_end: str, excluded: Collection[int] = (), *, only: int | None = None) -> bool:
    """Whether an account that has not failed this turn, or that very one, could take it."""
    rows = AccountCapability.objects.usable(BACK_ENDS[back_end].capability, timezone.now())
    rows = rows if only is None else rows.filter(account=only)
    return rows.exclude(account__in=excluded).exists() if excluded else rows.exists()


def why_no_account(back_ends: Iterable[str], now: datetime, *, only: int | None = None) -> ServiceError:
    """What stands in the way when none of them has a usable account, or that very one is not: the nearest to be mended
    first.
    """
    names: Sequence[str] = tuple(back_ends)
    resting = [(until, name) for name in names if (until := _rests_until(name, now, only)) is not None]
    if resting:
        until, name = min(resting)
        return BACK_ENDS[name].voice.fail("throttled", "", retry_after=(until - now).total_seconds())
    for name in names:
        rows = _of_enabled(name, only)
        states = set(rows.values_list("account__state", flat=True))
        for state, code in _MENDED_BY_OPERATORS:
            if state in states:
                return BACK_ENDS[name].voice.fail(code, "")
    return NoAccountError()


def _of_enabled(back_end: str, only: int | None) -> QuerySet[AccountCapability]:
    rows = AccountCapability.objects.of_enabled(BACK_ENDS[back_end].capability)
    return rows if only is None else rows.filter(account=only)


def _rests_until(back_end: str, now: datetime, only: int | None) -> datetime | None:
    rows = _of_enabled(back_end, only)
    ends = rows.filter(account__state__in=(AccountState.OK, AccountState.UNCHECKED), cooldown_until__gt=now)
    return ends.order_by("cooldown_until").values_list("cooldown_until", flat=True).first()


def expected_start(back_end: str, waiting: Waiting, earlier: Iterable[Waiting], now: datetime) -> datetime:
    """When the pace of the accounts that would do lets a turn begin, once those who came earlier have begun; how long
    they take is not known, and counts nothing.
    """
    known = paces(BACK_ENDS[back_end].capability, now)
    own = [account_id for account_id in known if waiting.may_take(account_id)]
    if not all(known[account_id].step for account_id in own):
        return now
    starts = {account_id: pace.next_at for account_id, pace in known.items()}
    for other in earlier:
        taken = min(filter(other.may_take, starts), key=starts.__getitem__, default=None)
        if taken is not None:
            starts[taken] += known[taken].step
    return max(min((starts[account_id] for account_id in own), default=now), now)
