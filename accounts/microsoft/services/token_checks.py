"""Check an account that signs in with a token: renew the token, then run the check of its one capability."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.microsoft.services.capability_checks import Check, CheckContext, Finding, judge_failure, note_for_all
from accounts.microsoft.services.credentials import fresh_token
from accounts.microsoft.services.outcomes import mark_verdict
from accounts.models import CAPABILITIES, Account, AccountKind, AccountState, CheckState
from bingproject.errors import AccountBlockedError, ChallengeRequiredError, CookieExpiredError, ServiceError


async def check_by_token(context: CheckContext, replacing: tuple[str, ...], *, is_asked_for: bool) -> None:
    """Check the account and its one capability, and store the result.

    Args:
        context: The account, and a client with its cookies.
        replacing: The states that a success may replace.
        is_asked_for: An operator asked for the check. Only then does an inconclusive check make an expired account
            unchecked: otherwise an account whose token was refused would get work again and again.
    """
    account = context.account
    try:
        await fresh_token(account)
        (capability,) = CAPABILITIES[AccountKind(account.kind)]
        check: Check = import_string(settings.CAPABILITY_CHECKS[capability])
        finding = await check(context)
    except (CookieExpiredError, ChallengeRequiredError, AccountBlockedError) as error:
        await sync_to_async(mark_verdict)(account, error, timezone.now())
        finding = judge_failure(error)
    except ServiceError as error:
        note = f"{error.message} ({error.detail})" if error.detail else error.message
        await sync_to_async(account.note_failed_check)(note, timezone.now())
        finding = judge_failure(error)
    else:
        await sync_to_async(_mark)(account, finding, replacing, is_asked_for)
    await note_for_all(account, finding)


def _mark(account: Account, finding: Finding, replacing: tuple[str, ...], is_asked_for: bool) -> None:
    now = timezone.now()
    if finding.state == CheckState.OK:
        account.mark(AccountState.OK, "", now, replacing=replacing)
    elif is_asked_for:
        account.mark(AccountState.UNCHECKED, "", now, replacing=(AccountState.EXPIRED, AccountState.UNCHECKED))
    else:
        account.note_failed_check("", now)
