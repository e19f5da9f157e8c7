"""Access tokens of accounts: a fresh one when it is needed, by the account's token command if it has one."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import Account, AccountKind
from accounts.programs import PROGRAM_SECONDS, run_program
from accounts.tokens import Service, Token, parse_token
from bingproject.errors import CookieExpiredError, InvalidRequestError
from bingproject.seals import seal

logger = logging.getLogger(__name__)

# A token that ends within this is renewed first: no turn should begin with one that ends before its end.
MARGIN_SECONDS = 300.0
LOOK_SECONDS = 0.2
# A process that has not brought a token by now is dead, and another one may run the program.
CLAIM_SECONDS = PROGRAM_SECONDS + 10.0
SERVICES: dict[str, Service] = {AccountKind.COPILOT: "copilot", AccountKind.M365: "m365"}
ENDED = "The access token has ended. The operator must give a new one in the admin."
REFUSED = "The service no longer takes the access token. The operator must give a new one in the admin."
MISSING = "The account has no access token. The operator must give one in the admin."


async def fresh_token(account: Account, *, replacing: str = "") -> str:
    """The account's access token, renewed by its token command when it has ended, is about to end, or is `replacing`.

    `replacing` is the one that a service has just refused. What another process has renewed meanwhile is taken over.
    Raises: CookieExpiredError when none can be had; the row is the caller's to mark.
    """
    if _is_fresh(account, replacing):
        return account.token
    await account.arefresh_from_db()
    if _is_fresh(account, replacing):
        return account.token
    lives = account.token not in ("", replacing) and not _ends_by(account, timezone.now())
    if not account.token_command:
        raise CookieExpiredError(MISSING if not account.token else REFUSED if account.token == replacing else ENDED)
    try:
        return await _renew(account, replacing)
    except CookieExpiredError:
        if lives:  # to its end there is still time for the program to recover
            return account.token
        raise


async def _renew(account: Account, replacing: str) -> str:
    """Run the program, or wait for the process that runs it: of all processes only one does at any time."""
    while not await sync_to_async(_claim)(account, timezone.now()):
        await asyncio.sleep(LOOK_SECONDS)
        await account.arefresh_from_db()
        if _is_fresh(account, replacing):
            return account.token
        if account.token_asked_at is None:
            raise CookieExpiredError("The token command has just brought no token.")
    # Whoever claims when another has just ended finds what that one brought.
    await account.arefresh_from_db()
    if not _is_fresh(account, replacing):
        return await _run(account)
    await sync_to_async(_release)(account)
    return account.token


async def _run(account: Account) -> str:
    """A new token from the program, on the row. Raises: CookieExpiredError."""
    try:
        argv = settings.TOKEN_COMMANDS.get(account.token_command)
        if argv is None:
            raise CookieExpiredError("The token command is not named in TOKEN_COMMANDS any more.")
        try:
            token = parse_token(await run_program(argv), SERVICES.get(account.kind, "copilot"))
        except InvalidRequestError as error:
            raise CookieExpiredError(f"The token command printed no usable token: {error.message}") from error
        if 0 < token.expires_unix_seconds <= timezone.now().timestamp():
            raise CookieExpiredError("The token command printed a token that has ended.")
        await sync_to_async(keep_token)(account, token, timezone.now())
    except CookieExpiredError as error:
        logger.warning("account %s: %s", account.name, error.message)
        raise
    finally:
        await sync_to_async(_release)(account)
    return token.text


def keep_token(account: Account, token: Token, now: datetime) -> None:
    """Store a token sealed, with what it says of itself; verdicts about the one before it no longer count."""
    expires = token.expires_unix_seconds
    changed = {
        "sealed_token": seal(token.text),
        "token_expires_at": datetime.fromtimestamp(expires, UTC) if expires else None,
        "cookies_at": now,
    }
    if account.kind == AccountKind.M365 and token.object_id and token.tenant_id:
        changed |= {"object_id": token.object_id[:40], "tenant_id": token.tenant_id[:40]}
    Account.objects.filter(pk=account.pk).update(**changed)
    for column, value in changed.items():
        setattr(account, column, value)


def _is_fresh(account: Account, replacing: str) -> bool:
    margin = timedelta(seconds=MARGIN_SECONDS if account.token_command else 0)
    return account.token not in ("", replacing) and not _ends_by(account, timezone.now() + margin)


def _ends_by(account: Account, moment: datetime) -> bool:
    return account.token_expires_at is not None and account.token_expires_at <= moment


def _claim(account: Account, now: datetime) -> bool:
    free = Q(token_asked_at=None) | Q(token_asked_at__lte=now - timedelta(seconds=CLAIM_SECONDS))
    return bool(Account.objects.filter(free, pk=account.pk).update(token_asked_at=now))


def _release(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(token_asked_at=None)
