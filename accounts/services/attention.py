"""Which accounts wait for an operator, and which rest until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import USABLE_STATES, Account, AccountCapability


def accounts_in_need() -> QuerySet[Account]:
    """Those switched on that Bing does not take, the newest trouble first."""
    return Account.objects.filter(is_enabled=True).exclude(state__in=USABLE_STATES).order_by("-state_at", "pk")


def resting_capabilities(now: datetime, count: int) -> Sequence[AccountCapability]:
    """What rests of accounts that are well otherwise, the first to be back first."""
    rows = AccountCapability.objects.select_related("account").filter(account__is_enabled=True, limit__gt=0)
    rows = rows.filter(Q(cooldown_until__gt=now) | Q(fast_cooldown_until__gt=now), account__state__in=USABLE_STATES)
    return list(rows.order_by("cooldown_until", "fast_cooldown_until")[:count])


def count_accounts() -> int:
    """How many are switched on."""
    return Account.objects.filter(is_enabled=True).count()
