"""Why no account can take a task, as the error that tells an operator what to do."""

from __future__ import annotations

from datetime import datetime

from accounts.microsoft.services.availability import cooldown_seconds, find_obstacle, read_states
from accounts.models import USABLE_STATES, Account, AccountCapability, AccountState
from bingproject.errors import AccountThrottledError, NoAccountError, ServiceError, by_code


def why_unusable(capability: str) -> ServiceError | None:
    """Return the error for a task that no account may take, cooldowns aside; None if one may.

    Its code is `cookie_not_set` if there is no account at all, else that of the obstacle easiest to correct.
    """
    if not Account.objects.exists():
        return NoAccountError(code="cookie_not_set")
    states = read_states(capability)
    if not states:
        return NoAccountError()
    return None if states.intersection(USABLE_STATES) else by_code(find_obstacle(states))


def has_expired(capability: str) -> bool:
    """True if a check may find an account usable again."""
    return AccountCapability.objects.of_enabled(capability).filter(account__state=AccountState.EXPIRED).exists()


def refuse_if_unservable(capability: str, now: datetime, patience_seconds: float) -> None:
    """Raise at once what would fail the task later anyway.

    An expired account is no reason, because the runner checks it again before it gives up: cookies have been seen to
    work again.

    Args:
        patience_seconds: How long the caller would wait for the end of a cooldown.

    Raises:
        NoAccountError: There is no account for the capability.
        ChallengeRequiredError: Bing wants a person to solve a challenge.
        AccountBlockedError: Bing has blocked the account.
        AccountThrottledError: All cooldowns last longer than the caller would wait.
    """
    error = why_unusable(capability)
    if error is not None and not has_expired(capability):
        raise error
    seconds = cooldown_seconds(capability, now)
    if seconds > patience_seconds:
        raise AccountThrottledError(code="throttled", retry_after=seconds)
