"""Why no account can take a task, said so that the operator knows what to do."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Account, AccountCapability, AccountState
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    NoAccountError,
    ServiceError,
)

# What an operator should hear first: the nearest to be mended.
_CAUSES: tuple[tuple[str, type[ServiceError]], ...] = (
    (AccountState.EXPIRED, CookieExpiredError),
    (AccountState.CHALLENGED, ChallengeRequiredError),
    (AccountState.BLOCKED, AccountBlockedError),
)


def why_unusable(capability: str) -> ServiceError | None:
    """The error for a task that no account may take, resting ones aside; None when one may.

    Shape: `cookie_not_set` without any account, else what most stands in the way.
    """
    if not Account.objects.exists():
        return NoAccountError(code="cookie_not_set")
    states = set(AccountCapability.objects.of_enabled(capability).values_list("account__state", flat=True))
    if not states:
        return NoAccountError()
    if states & {AccountState.OK, AccountState.UNCHECKED}:
        return None
    return next(error() for state, error in _CAUSES if state in states)


def has_expired(capability: str) -> bool:
    """Whether a re-check may bring an account back."""
    return AccountCapability.objects.of_enabled(capability).filter(account__state=AccountState.EXPIRED).exists()


def resting_seconds(capability: str, now: datetime) -> float:
    """How long until the first account may work again; 0 when one may now or none is merely resting."""
    rows = AccountCapability.objects.of_enabled(capability)
    rows = rows.filter(account__state__in=(AccountState.OK, AccountState.UNCHECKED))
    ends = list(rows.values_list("cooldown_until", flat=True))
    if not ends or any(end is None or end <= now for end in ends):
        return 0.0
    return min((end - now).total_seconds() for end in ends if end is not None)


def refuse_if_hopeless(capability: str, now: datetime, patience_seconds: float) -> None:
    """Say at once what would only be found out later.

    An expired account is no reason: the runner looks again before it gives up, since cookies have been seen to come
    back. Raises: NoAccountError, ChallengeRequiredError, AccountBlockedError, AccountThrottledError.
    """
    error = why_unusable(capability)
    if error is not None and not has_expired(capability):
        raise error
    rest = resting_seconds(capability, now)
    if rest > patience_seconds:
        raise AccountThrottledError(code="throttled", retry_after=rest)
