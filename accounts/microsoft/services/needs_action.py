"""List the accounts that need an operator, now or soon, and those in a cooldown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.models import USABLE_STATES, Account, AccountCapability

# How long before its end operators are warned of a token that no token command renews.
WARN_SECONDS = 1800.0


def accounts_in_need() -> QuerySet[Account]:
    """Return the enabled accounts whose state allows no work, the most recent change first."""
    return Account.objects.filter(is_enabled=True).exclude(state__in=USABLE_STATES).order_by("-state_at", "pk")


def is_ending(account: Account, now: datetime) -> bool:
    """True if the account's token has expired or soon will, and no token command renews it."""
    ends = account.token_expires_at
    return ends is not None and not account.token_command and ends <= now + timedelta(seconds=WARN_SECONDS)


def ending_accounts(now: datetime) -> QuerySet[Account]:
    """Return the usable accounts whose token soon expires and has no token command.

    Accounts whose token has expired are not among them: `accounts_in_need` has those, once they are marked.
    """
    soon = now + timedelta(seconds=WARN_SECONDS)
    in_use = Account.objects.filter(is_enabled=True, state__in=USABLE_STATES, token_command="")
    return in_use.filter(token_expires_at__gt=now, token_expires_at__lte=soon).order_by("pk")


def cooling_capabilities(now: datetime, count: int) -> Sequence[AccountCapability]:
    """Return up to `count` capabilities in a cooldown of accounts that are usable otherwise, the first to end first."""
    rows = AccountCapability.objects.select_related("account").filter(account__is_enabled=True, limit__gt=0)
    rows = rows.filter(Q(cooldown_until__gt=now) | Q(fast_cooldown_until__gt=now), account__state__in=USABLE_STATES)
    return list(rows.order_by("cooldown_until", "fast_cooldown_until")[:count])


def count_accounts() -> int:
    """Return the number of enabled accounts."""
    return Account.objects.filter(is_enabled=True).count()
