"""An account's cookies, and looks at Bing's start page that prove it alive.

Never a page or a header. An outage, or a page that cannot be read, marks no account.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from accounts.client import fetch_session
from accounts.models import Account, AccountCapability, AccountState
from accounts.protocol import Session, build_search_cookie, parse_cookies, parse_session
from accounts.services.outcomes import mark_verdict
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    NotFoundError,
    UpstreamError,
)
from bingproject.upstream import Door, jar_cookies, put_cookie

DEFAULT_ACCOUNT = "default"
SEARCH_COOKIE = "SRCHHPGUSR"
RECHECK_SECONDS = 10
RECHECKS_AT_ONCE = 4
CHECKS_AT_ONCE = 4
# A check that an operator asked for and that nobody has begun by now was lost with its machine's queue.
WANTED_CHECK_PATIENCE_SECONDS = 5
# What the start page may change by itself: a challenge or a block is not over because a page opens.
RENEWABLE_STATES = (AccountState.UNCHECKED, AccountState.OK, AccountState.EXPIRED)


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
            await sync_to_async(mark_verdict)(account, error, timezone.now())
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
