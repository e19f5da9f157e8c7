"""Which accounts can chat, and what stands in the way when none can."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone

from accounts.models import AccountCapability, AccountState, Capability
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    NoAccountError,
    ServiceError,
)


def has_other_account(excluded: Collection[int]) -> bool:
    """Whether an account that has not failed this turn could take it."""
    return AccountCapability.objects.usable(Capability.CHAT, timezone.now()).exclude(account__in=excluded).exists()


def why_no_account(now: datetime) -> ServiceError:
    """What stands in the way when no account can chat: the nearest to be mended first."""
    rows = AccountCapability.objects.of_enabled(Capability.CHAT)
    states = dict.fromkeys(rows.values_list("account__state", flat=True))
    ends = rows.filter(account__state__in=(AccountState.OK, AccountState.UNCHECKED), cooldown_until__gt=now)
    soonest = ends.order_by("cooldown_until").values_list("cooldown_until", flat=True).first()
    if soonest is not None:
        return AccountThrottledError(code="throttled", retry_after=(soonest - now).total_seconds())
    for state, error in (
        (AccountState.EXPIRED, CookieExpiredError),
        (AccountState.CHALLENGED, ChallengeRequiredError),
        (AccountState.BLOCKED, AccountBlockedError),
    ):
        if state in states:
            return error()
    return NoAccountError()
