"""What an outcome says of the account it was had with: a state, a rest, a success. Most failures say nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from accounts.models import Account, AccountCapability, AccountState
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    ServiceError,
    UpstreamRefusedError,
)

SHORT_REST_SECONDS = 30.0
LONG_REST_SECONDS = 3600.0


def settle(
    account: Account, capability: str, error: ServiceError, now: datetime, *, rest_seconds: float | None = None
) -> None:
    """Record what a failure says of the account; most say nothing of it.

    Units: `rest_seconds`, the caller's own back-off, goes before Bing's Retry-After.
    Source: docs/wire/image_creator.md, section 6.
    """
    if isinstance(error, CookieExpiredError | ChallengeRequiredError | AccountBlockedError):
        mark_verdict(account, error, now)
    elif isinstance(error, AccountThrottledError | UpstreamRefusedError):
        row = AccountCapability.objects.get(account_id=account.pk, capability=capability)
        is_long = isinstance(error, UpstreamRefusedError) or error.code == "no_boosts"
        usual = LONG_REST_SECONDS if is_long else SHORT_REST_SECONDS
        until = now + timedelta(seconds=rest_seconds or error.retry_after or usual)
        if error.code == "no_boosts":
            row.cool_down_fast_lane(until)
        else:
            row.cool_down(until, error.message)


def mark_verdict(account: Account, error: ServiceError, now: datetime) -> None:
    """A verdict on the account itself."""
    if isinstance(error, CookieExpiredError):
        account.mark(AccountState.EXPIRED, error.message, now)
    elif isinstance(error, ChallengeRequiredError):
        account.mark(AccountState.CHALLENGED, error.message, now)
    else:
        account.mark(AccountState.BLOCKED, error.message, now)


def mark_success(account_id: int, capability: str, now: datetime) -> None:
    """A result came: the account works for this capability. A rest that was asked for meanwhile stays."""
    with connection.cursor() as cursor:
        cursor.execute(_SUCCESS, [connection.ops.adapt_datetimefield_value(now), account_id, capability])


# Fixed text: building the query costs more than running it, and every turn of a chat writes it.
_SUCCESS = """
UPDATE accounts_accountcapability SET last_success_at = %s, cooldown_count = 0 WHERE account_id = %s AND capability = %s
"""


def clear_cooldowns(account_ids: list[int]) -> int:
    """Let these accounts be given work again; how many of their capabilities were resting."""
    return AccountCapability.objects.filter(account_id__in=account_ids).clear_cooldowns()
