"""A look at an account of one of the two Copilots: its token, and what its app can tell without asking a question."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.models import CAPABILITIES, Account, AccountKind, AccountState, CheckState
from accounts.services.credentials import fresh_token
from accounts.services.outcomes import mark_verdict
from accounts.services.proofs import Check, Finding, Look, judge_failure, note_for_all
from bingproject.errors import AccountBlockedError, ChallengeRequiredError, CookieExpiredError, ServiceError


async def check_by_token(look: Look, replacing: tuple[str, ...], *, is_asked_for: bool) -> None:
    """Record what can be told of the account and of its one capability.

    What nobody can tell changes the state only if an operator asked: else an account whose token was refused would be
    given work again and again.
    """
    account = look.account
    try:
        await fresh_token(account)
        (capability,) = CAPABILITIES[AccountKind(account.kind)]
        check: Check = import_string(settings.CAPABILITY_CHECKS[capability])
        finding = await check(look)
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
