"""What is decided about accounts, callers and keys: which state an answer of Bing's puts an account in, who may call.

Never a page or a header. An outage, or a page that cannot be read, marks no account.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from accounts.client import fetch_session
from accounts.models import Account, AccountCapability, AccountState, ApiKey, WhitelistedUser, find_key
from accounts.protocol import (
    Session,
    build_api_key,
    build_search_cookie,
    hash_api_key,
    is_api_key,
    parse_cookies,
    parse_session,
)
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    InvalidApiKeyError,
    InvalidRequestError,
    NotFoundError,
    NotWhitelistedError,
    ServiceError,
    UpstreamError,
    UpstreamRefusedError,
)
from bingproject.upstream import Door, jar_cookies, put_cookie

DEFAULT_ACCOUNT = "default"
SEARCH_COOKIE = "SRCHHPGUSR"
SHORT_REST_SECONDS = 30.0
LONG_REST_SECONDS = 3600.0
RECHECK_SECONDS = 10
RECHECKS_AT_ONCE = 4
CHECKS_AT_ONCE = 4
# A check that an operator asked for and that nobody has begun by now was lost with its machine's queue.
WANTED_CHECK_PATIENCE_SECONDS = 5
LAST_USED_STEP_SECONDS = 60
KEY_BYTES = 32
# What the start page may change by itself: a challenge or a block is not over because a page opens.
RENEWABLE_STATES = (AccountState.UNCHECKED, AccountState.OK, AccountState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key's user, or, in open mode, everybody without a key together.

    Shape: `holder` is "open" or "user:<user_id>".
    """

    holder: str
    user: WhitelistedUser | None = None
    key: ApiKey | None = None
    is_authenticated: ClassVar[bool] = True


# --- accounts: cookies and checks -----------------------------------------------------------------------------------


def rotate_cookies(account: Account, cookies: str | dict[str, str], now: datetime) -> None:
    """Give the account new cookies, and have them checked once this is committed.

    Raises: InvalidRequestError when the text holds no usable cookies.
    """
    parsed = parse_cookies(cookies) if isinstance(cookies, str) else cookies
    with transaction.atomic():
        account.rotate(parsed, now)
        request_check(account, now)


def ensure_default_account(cookie_u: str, now: datetime | None = None) -> Account | None:
    """Make or update the account that BING_COOKIE_U names; None when it is blank.

    The same cookie as before changes nothing, so a restart neither resets a state nor enables what was disabled.
    Raises: InvalidRequestError when the text holds no usable cookies.
    """
    if not cookie_u.strip():
        return None
    cookies = parse_cookies(cookie_u)
    account, _ = Account.objects.get_or_create(name=DEFAULT_ACCOUNT)
    if account.cookies != cookies:
        rotate_cookies(account, cookies, now or timezone.now())
    return account


def request_check(account: Account, now: datetime) -> None:
    """Have a worker look at the account soon.

    The row remembers the wish; the job is a nudge, which may be lost with its machine's queue (see `needs_check`).
    """
    Account.objects.filter(pk=account.pk).update(check_wanted_at=now)
    name = f"check account {account.pk}"
    nudge = partial(async_task, "accounts.jobs.check_account", account.pk, task_name=name)
    transaction.on_commit(nudge, robust=True)


def needs_check() -> bool:
    """Whether a check that was asked for waits longer than a job takes: asked by the watchdog of every machine."""
    return _overdue_checks(timezone.now()).exists()


def _overdue_checks(now: datetime) -> QuerySet[Account]:
    return Account.objects.filter(check_wanted_at__lt=now - timedelta(seconds=WANTED_CHECK_PATIENCE_SECONDS))


async def renew_session(
    account: Account, client: httpx.AsyncClient, *, replacing: tuple[str, ...] = RENEWABLE_STATES
) -> Session:
    """Read Bing's start page with the account's own client; the row learns whether it is signed in.

    The new session's id and cookies are kept on the row and in the client's jar.
    Raises: UpstreamError or AccountError when the page says nothing about the sign-in; the row stays as it is then.
    """
    answer = await fetch_session(client, settings.BING_URL)
    session = parse_session(answer.status, answer.headers, answer.text)
    now = timezone.now()
    if not session.signed_in:
        await sync_to_async(account.mark)(AccountState.EXPIRED, CookieExpiredError().message, now, replacing=replacing)
        return session
    search = build_search_cookie(session, int(now.timestamp()))
    put_cookie(client, SEARCH_COOKIE, search)

    def save() -> None:
        account.mark(AccountState.OK, "", now, replacing=replacing)
        account.save_session(session.ig, jar_cookies(client) | {SEARCH_COOKIE: search}, now)

    await sync_to_async(save)()
    return session


async def check_account(
    account_id: int, door: Door | None = None, *, replacing: tuple[str, ...] = tuple(AccountState.values)
) -> Account:
    """Look at Bing's start page as this account and record what it says; the start page only, nothing is created.

    Raises: NotFoundError when the account is gone.
    """
    account = await Account.objects.filter(pk=account_id).afirst()
    if account is None:
        raise NotFoundError(message="There is no such account.")
    await Account.objects.filter(pk=account_id).aupdate(check_wanted_at=None)
    if not account.sealed_cookies:
        return account
    if door is None:
        async with Door() as own:
            await _check(account, own, replacing)
    else:
        await _check(account, door, replacing)
    return account


async def _check(account: Account, door: Door, replacing: tuple[str, ...]) -> None:
    cookies = account.cookies | account.jar
    async with door.client(cookies, proxy=account.proxy, user_agent=account.user_agent) as client:
        try:
            await renew_session(account, client, replacing=replacing)
        except (ChallengeRequiredError, AccountBlockedError) as error:
            await sync_to_async(_mark)(account, error, timezone.now())
        except (UpstreamError, AccountThrottledError) as error:
            note = f"{error.message} ({error.detail})" if error.detail else error.message
            await sync_to_async(account.note_failed_check)(note, timezone.now())


async def check_all_accounts(door: Door | None = None) -> Counter[str]:
    """Check every enabled account that a page may change; how many are in which state afterwards."""
    rows = Account.objects.filter(is_enabled=True, state__in=RENEWABLE_STATES).exclude(sealed_cookies="")
    ids = [pk async for pk in rows.values_list("pk", flat=True)]
    return await _check_many(ids, door)


async def check_wanted_accounts(door: Door | None = None) -> Counter[str]:
    """Do the checks that operators asked for and that no job has begun."""
    ids = [pk async for pk in _overdue_checks(timezone.now()).values_list("pk", flat=True)]
    return await _check_many(ids, door, replacing=tuple(AccountState.values))


async def recheck_expired(capability: str, now: datetime, door: Door | None = None) -> bool:
    """Look again at accounts that Bing called signed out: cookies have been seen to come back.

    For when nothing else is usable. Each account at most every 10 s, whoever asks on whatever machine.
    Returns whether one of them is usable again.
    """
    rested = Q(checked_at=None) | Q(checked_at__lte=now - timedelta(seconds=RECHECK_SECONDS))
    rows = AccountCapability.objects.of_enabled(capability).filter(account__state=AccountState.EXPIRED)
    ids = rows.order_by("account__checked_at").values_list("account_id", flat=True)
    claimed: list[int] = []
    async for pk in ids:
        claim = Account.objects.filter(rested, pk=pk, state=AccountState.EXPIRED)
        if await claim.aupdate(checked_at=now):
            claimed.append(pk)
        if len(claimed) == RECHECKS_AT_ONCE:
            break
    return bool((await _check_many(claimed, door))[AccountState.OK]) if claimed else False


async def _check_many(ids: list[int], door: Door | None, replacing: tuple[str, ...] = RENEWABLE_STATES) -> Counter[str]:
    """Check a few at a time over one door; states counted. One account's trouble does not stop the others."""
    if door is None:
        async with Door() as own:
            return await _check_many(ids, own, replacing)
    gate = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(account_id: int) -> str:
        async with gate:
            try:
                return (await check_account(account_id, door, replacing=replacing)).state
            except NotFoundError:
                return "gone"

    return Counter(await asyncio.gather(*map(check, ids)))


# --- accounts: what an outcome says of them -------------------------------------------------------------------------


def settle(
    account: Account, capability: str, error: ServiceError, now: datetime, *, rest_seconds: float | None = None
) -> None:
    """Record what a failure says of the account; most say nothing of it.

    Units: `rest_seconds`, the caller's own back-off, goes before Bing's Retry-After.
    Source: docs/wire/image_creator.md, section 6.
    """
    if isinstance(error, CookieExpiredError | ChallengeRequiredError | AccountBlockedError):
        _mark(account, error, now)
    elif isinstance(error, AccountThrottledError | UpstreamRefusedError):
        row = AccountCapability.objects.get(account_id=account.pk, capability=capability)
        is_long = isinstance(error, UpstreamRefusedError) or error.code == "no_boosts"
        usual = LONG_REST_SECONDS if is_long else SHORT_REST_SECONDS
        until = now + timedelta(seconds=rest_seconds or error.retry_after or usual)
        if error.code == "no_boosts":
            row.cool_down_fast_lane(until)
        else:
            row.cool_down(until, error.message)


def _mark(account: Account, error: ServiceError, now: datetime) -> None:
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


# --- who may call ---------------------------------------------------------------------------------------------------


def add_whitelisted_user(user_id: str, name: str = "") -> WhitelistedUser:
    """Let somebody in, again if they were in before.

    Raises: InvalidRequestError when the id is blank, longer than 100 characters or holds control characters.
    """
    user_id = user_id.strip()
    if not user_id or len(user_id) > 100 or not user_id.isprintable():
        raise InvalidRequestError(message="A user id is 1 to 100 printable characters.", param="user_id")
    user, _ = WhitelistedUser.objects.get_or_create(user_id=user_id, defaults={"name": name})
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
    return user


def remove_whitelisted_user(user_id: str, now: datetime) -> WhitelistedUser:
    """Keep somebody out from now on; their keys are revoked for good. Raises: NotFoundError."""
    user = find_whitelisted_user(user_id)
    with transaction.atomic():
        WhitelistedUser.objects.filter(pk=user.pk).update(is_active=False)
        revoke_api_keys(user.api_keys.all(), now)
    user.is_active = False
    return user


def find_whitelisted_user(user_id: str) -> WhitelistedUser:
    """The user of this id, active or not. Raises: NotFoundError."""
    user = WhitelistedUser.objects.filter(user_id=user_id.strip()).first()
    if user is None:
        raise NotFoundError(message=f"No whitelisted user has the id {user_id.strip()[:100]!r}.")
    return user


def list_whitelisted_users() -> QuerySet[WhitelistedUser]:
    """All of them, by id."""
    return WhitelistedUser.objects.order_by("user_id")


def issue_api_key(user_id: str) -> tuple[ApiKey, str]:
    """A new key of a whitelisted user: the row, and the text that nobody can read again.

    Raises: NotFoundError, NotWhitelistedError.
    """
    user = find_whitelisted_user(user_id)
    if not user.is_active:
        raise NotWhitelistedError(message=f"The user {user.user_id!r} is not active.")
    text = build_api_key(secrets.token_bytes(KEY_BYTES))
    return ApiKey.objects.create(user=user, key_hash=hash_api_key(text), key_tail=text[-4:]), text


def revoke_api_key(key: ApiKey, now: datetime) -> None:
    """The key opens nothing from now on."""
    revoke_api_keys(ApiKey.objects.filter(pk=key.pk), now)
    key.revoked_at = key.revoked_at or now


def revoke_api_keys(keys: QuerySet[ApiKey], now: datetime) -> int:
    """Revoke those that are not yet; how many."""
    return keys.filter(revoked_at=None).update(revoked_at=now)


def find_api_key(text: str) -> Caller:
    """Whom a key belongs to. One look-up by a unique hash, whatever the key.

    Raises: InvalidApiKeyError for a wrong or revoked key; NotWhitelistedError when its user is not active.
    """
    key = find_key(hash_api_key(text)) if is_api_key(text) else None
    if key is None:
        raise InvalidApiKeyError
    if not key.user.is_active:
        raise NotWhitelistedError
    _note_use(key, timezone.now())
    return Caller(holder=f"user:{key.user.user_id}", user=key.user, key=key)


def _note_use(key: ApiKey, now: datetime) -> None:
    """Remember the use, at most once a minute: a write for each request would cost more than the request."""
    stale = now - timedelta(seconds=LAST_USED_STEP_SECONDS)
    if key.last_used_at is None or key.last_used_at <= stale:
        unused = Q(last_used_at=None) | Q(last_used_at__lte=stale)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=now)
