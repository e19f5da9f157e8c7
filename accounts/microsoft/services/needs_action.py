"""Which accounts wait for an operator, or soon will, and which rest until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.models import USABLE_STATES, Account, AccountCapability

# So long before its end an operator is told of a token that no program renews.
WARN_SECONDS = 1800.0


def accounts_in_need() -> QuerySet[Account]:
    """Those switched on that Bing does not take, the newest trouble first."""
    return Account.objects.filter(is_enabled=True).exclude(state__in=USABLE_STATES).order_by("-state_at", "pk")


def is_ending(account: Account, now: datetime) -> bool:
    """Whether its token ends soon, or has ended, and no program brings a new one."""
    ends = account.token_expires_at
    return ends is not None and not account.token_command and ends <= now + timedelta(seconds=WARN_SECONDS)


def ending_accounts(now: datetime) -> QuerySet[Account]:
    """Those in use whose token ends soon, and no program brings a new one; once it has ended they are in need."""
    soon = now + timedelta(seconds=WARN_SECONDS)
    in_use = Account.objects.filter(is_enabled=True, state__in=USABLE_STATES, token_command="")
    return in_use.filter(token_expires_at__gt=now, token_expires_at__lte=soon).order_by("pk")


def resting_capabilities(now: datetime, count: int) -> Sequence[AccountCapability]:
    """What rests of accounts that are well otherwise, the first to be back first."""
    rows = AccountCapability.objects.select_related("account").filter(account__is_enabled=True, limit__gt=0)
    rows = rows.filter(Q(cooldown_until__gt=now) | Q(fast_cooldown_until__gt=now), account__state__in=USABLE_STATES)
    return list(rows.order_by("cooldown_until", "fast_cooldown_until")[:count])


def count_accounts() -> int:
    """How many are switched on."""
    return Account.objects.filter(is_enabled=True).count()
