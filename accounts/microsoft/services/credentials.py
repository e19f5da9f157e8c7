"""Access tokens of the two Copilots' accounts: a fresh one when it is needed, in time if a program can print it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import USABLE_STATES, Account, AccountKind, AccountState
from accounts.programs import PROGRAM_SECONDS, run_program
from accounts.tokens import Service, Token, parse_token
from bingproject.errors import CookieExpiredError, InvalidRequestError, UnopenedError
from bingproject.seals import seal

logger = logging.getLogger(__name__)

# A token that ends within this is renewed first: no turn should begin with one that ends before its end.
MARGIN_SECONDS = 300.0
# So long before its end a worker sees to a new one, so that no turn has to wait for that.
EARLY_SECONDS = 900.0
RETRY_SECONDS = 600.0
LOOK_SECONDS = 0.2
# A process that has not brought a token by now is dead, and another one may run the program.
CLAIM_SECONDS = PROGRAM_SECONDS + 10.0
TRIED_STATES = (*USABLE_STATES, AccountState.EXPIRED)
SERVICES: dict[str, Service] = {AccountKind.COPILOT: "copilot", AccountKind.M365: "m365"}
ENDED = "The access token has ended. The operator must give a new one in the admin."
REFUSED = "The service no longer takes the access token. The operator must give a new one in the admin."
NO_PLACE = "The token command's token does not say where its account is: type object id and tenant id in the admin."
MISSING = "The account has no access token. The operator must give one in the admin."


class NoTokenError(CookieExpiredError):
    """There is no token to ask with, and none could be had: no service has refused one."""


async def fresh_token(account: Account, *, replacing: str = "", margin_seconds: float = MARGIN_SECONDS) -> str:
    """The account's access token, renewed by its token command when it ends within the margin or is `replacing`.

    `replacing` is the one that a service has just refused. What another process has renewed meanwhile is taken over.
    Raises: NoTokenError when none can be had; the row is the caller's to mark.
    """
    if _is_fresh(account, replacing, margin_seconds):
        return account.token
    await account.arefresh_from_db()
    if _is_fresh(account, replacing, margin_seconds):
        return account.token
    lives = _opened(account) not in ("", replacing) and not _ends_by(account, timezone.now())
    if not account.token_command:  # one that no key opens says so itself here
        raise NoTokenError(MISSING if not account.token else REFUSED if account.token == replacing else ENDED)
    try:
        return await _renew(account, replacing, margin_seconds)
    except CookieExpiredError as error:
        if not lives:
            raise NoTokenError(error.message) from error
        # To its end there is still time for the program to recover.
        await sync_to_async(account.note_failed_check)(error.message, timezone.now())
        return account.token


async def _renew(account: Account, replacing: str, margin_seconds: float) -> str:
    """Run the program, or wait for the process that runs it: of all processes only one does at any time."""
    while not await sync_to_async(_claim)(account, timezone.now()):
        await asyncio.sleep(LOOK_SECONDS)
        await account.arefresh_from_db()
        if _is_fresh(account, replacing, margin_seconds):
            return account.token
        if account.token_asked_at is None:
            raise CookieExpiredError("The token command has just brought no token.")
    # Whoever claims when another has just ended finds what that one brought.
    await account.arefresh_from_db()
    if not _is_fresh(account, replacing, margin_seconds):
        return await _run(account)
    await sync_to_async(_release)(account, is_tried=True)
    return account.token


async def _run(account: Account) -> str:
    """A new token from the program, on the row. Raises: CookieExpiredError."""
    is_tried = False
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
        if account.kind == AccountKind.M365 and not (_has_place(token) or _has_place(account)):
            raise CookieExpiredError(NO_PLACE)
        await sync_to_async(keep_token)(account, token, timezone.now())
        is_tried = True
    except CookieExpiredError as error:
        is_tried = True
        logger.warning("account %s: %s", account.name, error.message)
        raise
    finally:
        await sync_to_async(_release)(account, is_tried=is_tried)
    return token.text


def keep_token(account: Account, token: Token, now: datetime) -> None:
    """Store a token sealed, with what it says of itself; verdicts about the one before it no longer count."""
    sealed = seal(token.text)
    changed = {"sealed_token": sealed, "token_expires_at": end_of(token), "cookies_at": now}
    if account.kind == AccountKind.M365 and _has_place(token):
        changed |= {"object_id": token.object_id[:40], "tenant_id": token.tenant_id[:40]}
    Account.objects.filter(pk=account.pk).update(**changed)
    for column, value in changed.items():
        setattr(account, column, value)


def _has_place(named: Token | Account) -> bool:
    return bool(named.object_id and named.tenant_id)


def end_of(token: Token) -> datetime | None:
    """When a token ends; None when it does not say."""
    expires = token.expires_unix_seconds
    return datetime.fromtimestamp(expires, UTC) if expires else None


async def renew_tokens() -> Counter[str]:
    """Get new tokens where a program can, well before the end, and mark the accounts whose tokens have ended.

    Shape: how many are "renewed", "failed", "ended". An account that failed is tried again after a while: the operator
    may have mended the program, and a service that refused one token may take the next.
    """
    now = timezone.now()
    counts: Counter[str] = Counter()
    async for account in _due(now):
        if not account.token_command:
            error = CookieExpiredError(ENDED)
            await sync_to_async(account.mark)(AccountState.EXPIRED, error.message, now, replacing=USABLE_STATES)
            counts["ended"] += 1
        else:
            counts[await _renew_in_time(account)] += 1
    return counts


def _due(now: datetime) -> QuerySet[Account]:
    rested = Q(checked_at=None) | Q(checked_at__lte=now - timedelta(seconds=RETRY_SECONDS))
    tokens = Account.objects.filter(is_enabled=True).exclude(kind=AccountKind.BING)
    ended = Q(token_command="", token_expires_at__lte=now, state__in=USABLE_STATES)
    ending = Q(sealed_token="") | Q(token_expires_at__lte=now + timedelta(seconds=EARLY_SECONDS))
    mendable = (ending & Q(state__in=USABLE_STATES)) | (Q(state=AccountState.EXPIRED) & rested)
    return tokens.filter(ended | (~Q(token_command="") & mendable))


async def _renew_in_time(account: Account) -> str:
    # A service has refused the token of an account that is called expired, whatever the token says of its end.
    refused = _opened(account) if account.state == AccountState.EXPIRED else ""
    old = account.sealed_token
    try:
        _ = account.cookies, account.proxy  # no new token mends what of these cannot be opened
        await fresh_token(account, replacing=refused, margin_seconds=EARLY_SECONDS)
    except CookieExpiredError as error:
        await sync_to_async(account.mark)(AccountState.EXPIRED, error.message, timezone.now(), replacing=TRIED_STATES)
        return "failed"
    if account.sealed_token == old:
        return "failed"
    await sync_to_async(account.mark)(AccountState.UNCHECKED, "", timezone.now(), replacing=(AccountState.EXPIRED,))
    return "renewed"


def _is_fresh(account: Account, replacing: str, margin_seconds: float) -> bool:
    margin = timedelta(seconds=margin_seconds if account.token_command else 0)
    return _opened(account) not in ("", replacing) and not _ends_by(account, timezone.now() + margin)


def _opened(account: Account) -> str:
    """Its token; "" for one that no key opens: the program brings another, as for none."""
    try:
        return account.token
    except UnopenedError:
        return ""


def _ends_by(account: Account, moment: datetime) -> bool:
    return account.token_expires_at is not None and account.token_expires_at <= moment


def _claim(account: Account, now: datetime) -> bool:
    free = Q(token_asked_at=None) | Q(token_asked_at__lte=now - timedelta(seconds=CLAIM_SECONDS))
    return bool(Account.objects.filter(free, pk=account.pk).update(token_asked_at=now))


def _release(account: Account, *, is_tried: bool) -> None:
    """To those who wait, no claim says that the program was tried just now, whatever it brought.

    One that is over, as of a process that died, lets them run it: the caller left before it had ended.
    """
    over = timezone.now() - timedelta(seconds=CLAIM_SECONDS)
    Account.objects.filter(pk=account.pk).update(token_asked_at=None if is_tried else over)
