"""Store what the result of a request says about the account: a state, a cooldown or a success."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from accounts.models import Account, AccountCapability, AccountState, Capability, CheckState
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    ServiceError,
    UpstreamRefusedError,
)
from bingproject.upstream.response_headers import LONGEST_RETRY_AFTER_SECONDS

SHORT_COOLDOWN_SECONDS = 30.0
LONG_COOLDOWN_SECONDS = 3600.0


def apply_error(
    account: Account, capability: str, error: ServiceError, now: datetime, *, cooldown_seconds: float | None = None
) -> None:
    """Set the state or the cooldown that a failure calls for; most failures say nothing about the account.

    Source: docs/wire/image_creator.md, section 6.

    Args:
        account: The account that the request was sent as.
        capability: The work that failed; only this capability gets a cooldown.
        error: The failure.
        now: When the cooldown starts.
        cooldown_seconds: The caller's own back-off, which takes precedence over Bing's Retry-After.
    """
    if isinstance(error, CookieExpiredError | ChallengeRequiredError | AccountBlockedError):
        mark_verdict(account, error, now)
    elif isinstance(error, AccountThrottledError | UpstreamRefusedError):
        row = AccountCapability.objects.get(account_id=account.pk, capability=capability)
        is_long = isinstance(error, UpstreamRefusedError) or error.code == "no_boosts"
        usual = LONG_COOLDOWN_SECONDS if is_long else SHORT_COOLDOWN_SECONDS
        seconds = min(cooldown_seconds or error.retry_after or usual, LONGEST_RETRY_AFTER_SECONDS)
        until = now + timedelta(seconds=seconds)
        if error.code == "no_boosts":
            row.cool_down_fast_lane(until, now)
        else:
            row.cool_down(until, error.message, now)


def mark_verdict(account: Account, error: ServiceError, now: datetime) -> None:
    """Set the state that a refusal of the account itself calls for."""
    if isinstance(error, CookieExpiredError):
        account.mark(AccountState.EXPIRED, error.message, now)
    elif isinstance(error, ChallengeRequiredError):
        account.mark(AccountState.CHALLENGED, error.message, now)
    else:
        account.mark(AccountState.BLOCKED, error.message, now)


def mark_success(account: Account, capability: str, now: datetime) -> None:
    """Store the time of a success, and set the check of the capability and an unchecked account to OK.

    The next cooldown starts at its shortest again. A cooldown that another request has set since stays.

    Args:
        account: The account as it was read before the request. If its credentials were replaced since, neither
            is set to OK, since the success says nothing about the new ones.
        capability: The work that succeeded.
        now: The time of the success.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SUCCESS, [connection.ops.adapt_datetimefield_value(now), account.pk, capability])
        found = cursor.fetchone()
    if found is not None and found[0] != CheckState.OK:
        note = _PROOFS.get(capability, "A question was answered.")
        AccountCapability.note_check(account, capability, CheckState.OK, note, now)
    if account.state == AccountState.UNCHECKED:
        account.mark(AccountState.OK, "", now, replacing=(AccountState.UNCHECKED,))


_PROOFS: dict[str, str] = {Capability.IMAGE: "An image was made.", Capability.VIDEO: "A video was made."}
# Fixed text: every chat turn runs it, and building the query costs more than running it.
_SUCCESS = """
UPDATE accounts_accountcapability SET last_success_at = %s, cooldown_count = 0
WHERE account_id = %s AND capability = %s RETURNING check_state
"""


def clear_cooldowns(account_ids: list[int]) -> int:
    """End the cooldowns of these accounts; return how many of their capabilities had one."""
    return AccountCapability.objects.filter(account_id__in=account_ids).clear_cooldowns()
