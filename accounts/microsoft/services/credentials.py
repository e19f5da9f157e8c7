"""Renew the access tokens of accounts with their token commands, in time or when a turn needs one."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.microsoft.access_tokens import Token, parse_token
from accounts.microsoft.providers import TOKEN_RULES
from accounts.microsoft.token_commands import PROGRAM_SECONDS, run_program
from accounts.models import USABLE_STATES, Account, AccountKind, AccountState
from bingproject.errors import CookieExpiredError, DecryptionError, InvalidRequestError
from bingproject.security.encryption import encrypt

logger = logging.getLogger(__name__)

# A token that expires within this time is renewed first, so that it does not expire during a turn.
MARGIN_SECONDS = 300.0
# How long before the end a worker renews a token, so that no turn has to wait for the program.
EARLY_SECONDS = 900.0
RETRY_SECONDS = 600.0
POLL_SECONDS = 0.2
# A process that has brought no token after this time is dead, and another one may run the program.
CLAIM_SECONDS = PROGRAM_SECONDS + 10.0
TRIED_STATES = (*USABLE_STATES, AccountState.EXPIRED)
ENDED = "The access token has expired. The operator must give a new one in the admin."
REFUSED = "The service no longer takes the access token. The operator must give a new one in the admin."
NO_PLACE = "The token command's token names no object id and tenant id: enter them in the admin."
MISSING = "The account has no access token. The operator must give one in the admin."


class NoTokenError(CookieExpiredError):
    """The account has no valid token and none could be obtained; unlike its base class, no service has refused one."""


async def fresh_token(account: Account, *, replacing: str = "", margin_seconds: float = MARGIN_SECONDS) -> str:
    """Return the account's access token; if it is refused or about to expire, run the token command to renew it.

    Only one process runs the command of an account at a time; the others wait for it and use its token. If the command
    fails while the old token is still valid, the old token is returned.

    Args:
        account: The account. It is read again from the database if its token is not good enough.
        replacing: A token that the service has just refused, "" if it has refused none.
        margin_seconds: How long the token must still be valid. Without a token command, any token that has not expired
            is returned.

    Raises:
        NoTokenError: There is no token, it has expired or was refused, and the command gave no other. The account's
            row is not changed: the caller sets its state to expired.
    """
    if _is_fresh(account, replacing, margin_seconds):
        return account.token
    await account.arefresh_from_db()
    if _is_fresh(account, replacing, margin_seconds):
        return account.token
    is_valid = _readable_token(account) not in ("", replacing) and not _ends_by(account, timezone.now())
    if not account.token_command:  # reading `token` raises DecryptionError if no key decrypts it
        raise NoTokenError(MISSING if not account.token else REFUSED if account.token == replacing else ENDED)
    try:
        return await _renew(account, replacing, margin_seconds)
    except CookieExpiredError as error:
        if not is_valid:
            raise NoTokenError(error.message) from error
        # Use the old token until it expires: the program may work again before that.
        await sync_to_async(account.note_failed_check)(error.message, timezone.now())
        return account.token


async def _renew(account: Account, replacing: str, margin_seconds: float) -> str:
    """Run the program, or wait for the process that runs it: only one of all processes does at any time."""
    while not await sync_to_async(_claim)(account, timezone.now()):
        await asyncio.sleep(POLL_SECONDS)
        await account.arefresh_from_db()
        if _is_fresh(account, replacing, margin_seconds):
            return account.token
        if account.token_asked_at is None:
            raise CookieExpiredError("The token command has just failed to print a token.")
    # Another process may have stored a token between the refresh and the claim.
    await account.arefresh_from_db()
    if not _is_fresh(account, replacing, margin_seconds):
        return await _run(account)
    await sync_to_async(_release)(account, is_tried=True)
    return account.token


async def _run(account: Account) -> str:
    """Run the account's token command, store the token that it prints, and return it.

    Raises:
        CookieExpiredError: The command is not configured, failed, or printed no usable token. `fresh_token` turns this
            into NoTokenError.
    """
    is_tried = False
    try:
        argv = settings.TOKEN_COMMANDS.get(account.token_command)
        if argv is None:
            raise CookieExpiredError("TOKEN_COMMANDS no longer names the token command.")
        try:
            token = parse_token(await run_program(argv), account.kind)
        except InvalidRequestError as error:
            raise CookieExpiredError(f"The token command printed no usable token: {error.message}") from error
        if 0 < token.expires_unix_seconds <= timezone.now().timestamp():
            raise CookieExpiredError("The token command printed a token that has expired.")
        if _is_addressed_by_ids(account) and not (_has_place(token) or _has_place(account)):
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
    """Store a token encrypted, with its end and ids; verdicts on the previous token no longer apply."""
    encrypted = encrypt(token.text)
    changed = {"encrypted_token": encrypted, "token_expires_at": end_of(token), "cookies_at": now}
    if _is_addressed_by_ids(account) and _has_place(token):
        changed |= {"object_id": token.object_id[:40], "tenant_id": token.tenant_id[:40]}
    Account.objects.filter(pk=account.pk).update(**changed)
    for column, value in changed.items():
        setattr(account, column, value)


def _is_addressed_by_ids(account: Account) -> bool:
    rules = TOKEN_RULES.get(account.kind)
    return rules is not None and rules.place is not None


def _has_place(named: Token | Account) -> bool:
    return bool(named.object_id and named.tenant_id)


def end_of(token: Token) -> datetime | None:
    """Return when a token expires; None if it does not say."""
    expires = token.expires_unix_seconds
    return datetime.fromtimestamp(expires, UTC) if expires else None


async def renew_tokens() -> Counter[str]:
    """Renew tokens that soon expire and have a token command, and mark accounts whose tokens have expired.

    A failed account is tried again after `RETRY_SECONDS`: the operator may have repaired the program, and a service
    that refused one token may accept the next.

    Returns:
        How many accounts are "renewed", "failed" and "ended".
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
    cooled_down = Q(checked_at=None) | Q(checked_at__lte=now - timedelta(seconds=RETRY_SECONDS))
    tokens = Account.objects.filter(is_enabled=True).exclude(kind=AccountKind.BING)
    ended = Q(token_command="", token_expires_at__lte=now, state__in=USABLE_STATES)
    ending = Q(encrypted_token="") | Q(token_expires_at__lte=now + timedelta(seconds=EARLY_SECONDS))
    renewable = (ending & Q(state__in=USABLE_STATES)) | (Q(state=AccountState.EXPIRED) & cooled_down)
    return tokens.filter(ended | (~Q(token_command="") & renewable))


async def _renew_in_time(account: Account) -> str:
    # If the account is marked expired, the service has refused its token, even one that has not reached its end.
    refused = _readable_token(account) if account.state == AccountState.EXPIRED else ""
    old = account.encrypted_token
    try:
        _ = account.cookies, account.proxy  # raises DecryptionError, which no new token would cure
        await fresh_token(account, replacing=refused, margin_seconds=EARLY_SECONDS)
    except CookieExpiredError as error:
        await sync_to_async(account.mark)(AccountState.EXPIRED, error.message, timezone.now(), replacing=TRIED_STATES)
        return "failed"
    if account.encrypted_token == old:
        return "failed"
    await sync_to_async(account.mark)(AccountState.UNCHECKED, "", timezone.now(), replacing=(AccountState.EXPIRED,))
    return "renewed"


def _is_fresh(account: Account, replacing: str, margin_seconds: float) -> bool:
    margin = timedelta(seconds=margin_seconds if account.token_command else 0)
    return _readable_token(account) not in ("", replacing) and not _ends_by(account, timezone.now() + margin)


def _readable_token(account: Account) -> str:
    """Return the account's token; "" if it cannot be decrypted, which the program replaces like a missing one."""
    try:
        return account.token
    except DecryptionError:
        return ""


def _ends_by(account: Account, moment: datetime) -> bool:
    return account.token_expires_at is not None and account.token_expires_at <= moment


def _claim(account: Account, now: datetime) -> bool:
    free = Q(token_asked_at=None) | Q(token_asked_at__lte=now - timedelta(seconds=CLAIM_SECONDS))
    return bool(Account.objects.filter(free, pk=account.pk).update(token_asked_at=now))


def _release(account: Account, *, is_tried: bool) -> None:
    """End the claim on the program.

    No claim tells waiting processes that the program has just been tried, with or without success. If it was stopped
    before it ended (`is_tried` is False), leave an expired claim, as a dead process does: one of them runs it then.
    """
    expired = timezone.now() - timedelta(seconds=CLAIM_SECONDS)
    Account.objects.filter(pk=account.pk).update(token_asked_at=None if is_tried else expired)
