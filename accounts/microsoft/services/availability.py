"""Decide, for tasks and for chats, which accounts can be given work, when the next one can, and why none can.

`AccountCapabilityQuerySet.usable` selects the accounts that can work now; the functions here explain an empty result.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, QuerySet

from accounts.models import USABLE_STATES, Account, AccountCapability, AccountState

# Ordered by how easily an operator can help: signing in again comes first.
_CODES = (
    (AccountState.EXPIRED, "cookie_expired"),
    (AccountState.CHALLENGED, "challenge_required"),
    (AccountState.BLOCKED, "account_blocked"),
)


def accounts_in_service() -> QuerySet[Account]:
    """Return the enabled accounts that have credentials or a program that brings some, in any state."""
    enabled = Account.objects.filter(is_enabled=True)
    return enabled.exclude(encrypted_cookies="", encrypted_token="", token_command="")


def read_states(capability: str, *, only: int | None = None) -> set[str]:
    """Return the states of the accounts enabled for a capability, or of one of them if `only` is its id."""
    return set(_enabled(capability, only).values_list("account__state", flat=True))


def find_obstacle(states: set[str]) -> str:
    """Return the error code of the state that an operator can correct most easily; "" if there is none."""
    return next((code for state, code in _CODES if state in states), "")


def first_cooldown_end(capability: str, now: datetime, *, only: int | None = None) -> datetime | None:
    """Return when the shortest cooldown ends among the accounts whose state allows work; None if none cools down."""
    cooling = _enabled(capability, only).filter(account__state__in=USABLE_STATES, cooldown_until__gt=now)
    return cooling.order_by("cooldown_until").values_list("cooldown_until", flat=True).first()


def cooldown_seconds(capability: str, now: datetime) -> float:
    """Return the seconds until the first account may work again; 0 if one may now, or none is merely cooling down."""
    rows = _enabled(capability, None).filter(account__state__in=USABLE_STATES)
    # An account without a cooldown comes first: with one query, its None means the same as no account at all.
    ends = rows.order_by(F("cooldown_until").asc(nulls_first=True)).values_list("cooldown_until", flat=True)
    end = ends.first()
    return 0.0 if end is None else max((end - now).total_seconds(), 0.0)


def _enabled(capability: str, only: int | None) -> QuerySet[AccountCapability]:
    rows = AccountCapability.objects.of_enabled(capability)
    return rows if only is None else rows.filter(account=only)
