"""An account's cookies, and looks at Bing's start page that prove it alive.

Never a page or a header. An outage, or a page that cannot be read, marks no account.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
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
from accounts.models import Account, AccountCapability, AccountKind, AccountState, CheckState
from accounts.protocol import FoundCredentials, Session, build_search_cookie, parse_cookies, parse_session
from accounts.services.credentials import end_of
from accounts.services.outcomes import mark_verdict
from accounts.services.proofs import Finding, Look, judge_failure, note_for_all, prove_capabilities
from accounts.services.token_checks import check_by_token
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    NotFoundError,
    UnopenedError,
    UpstreamError,
)
from bingproject.liveness import has_own_cluster
from bingproject.upstream import Door, jar_cookies, put_cookie

SEARCH_COOKIE = "SRCHHPGUSR"
RECHECK_SECONDS = 10
RECHECKS_AT_ONCE = 8
CHECKS_AT_ONCE = 4
# A check that an operator asked for and that nobody has begun by now was lost with its machine's queue.
WANTED_CHECK_PATIENCE_SECONDS = 5
# What the start page may change by itself: a challenge or a block is not over because a page opens.
RENEWABLE_STATES = (AccountState.UNCHECKED, AccountState.OK, AccountState.EXPIRED)


def rotate_cookies(account: Account, cookies: str | dict[str, str], now: datetime) -> None:
    """Give the account new cookies, and have them checked once this is committed.

    Raises: InvalidRequestError when the text holds no usable cookies.
    """
    parsed = parse_cookies(cookies, now.timestamp()) if isinstance(cookies, str) else cookies
    with transaction.atomic():
        account.rotate(parsed, now)
        request_check(account, now)


def give_credentials(account: Account, found: FoundCredentials, now: datetime) -> None:
    """Give an account of one of the two Copilots what was pasted, and have it checked once this is committed."""
    token = found.token
    with transaction.atomic():
        account.rotate(
            found.cookies, now, token=token.text if token else "", expires_at=end_of(token) if token else None
        )
        request_check(account, now)


def request_check(account: Account, now: datetime, *, opens_chat: bool = False) -> None:
    """Have a worker look at the account soon."""
    request_checks([account.pk], now, opens_chat=opens_chat)


def request_checks(account_ids: Collection[int], now: datetime, *, opens_chat: bool = False) -> int:
    """Have workers look at these accounts soon; how many. `opens_chat`: a conversation may be opened with each.

    The rows remember the wish; the job is a nudge to this machine's own workers where it has any. Else, and when it is
    lost, the watchdogs of all machines look after it (see `needs_check`).
    """
    rows = Account.objects.filter(pk__in=account_ids)
    count = rows.update(check_wanted_at=now, check_asked_at=now, check_opens_chat=opens_chat)
    if count == 1:
        (account_id,) = account_ids
        name = f"check account {account_id}"
        nudge = partial(async_task, "accounts.jobs.check_account", account_id, task_name=name)
    else:
        nudge = partial(async_task, "accounts.jobs.check_asked_accounts", task_name=f"check {count} accounts")
    if has_own_cluster(timezone.now()):
        transaction.on_commit(nudge, robust=True)
    return count


def count_unfinished_checks(asked_at: datetime) -> int:
    """How many of the accounts that were asked for together have no result yet."""
    unknown = AccountCapability.objects.filter(account__check_asked_at=asked_at)
    unknown = unknown.filter(Q(checked_at=None) | Q(checked_at__lt=asked_at))
    return unknown.values("account").distinct().count()


def needs_check() -> bool:
    """Whether a check that was asked for waits longer than a job takes: asked by the watchdog of every machine."""
    return _wanted_checks(timezone.now(), WANTED_CHECK_PATIENCE_SECONDS).exists()


def _wanted_checks(now: datetime, patience_seconds: float) -> QuerySet[Account]:
    return Account.objects.filter(check_wanted_at__lte=now - timedelta(seconds=patience_seconds))


async def renew_session(
    account: Account, client: httpx.AsyncClient, *, replacing: tuple[str, ...] = RENEWABLE_STATES
) -> Session:
    """Read Bing's start page with the account's own client; the row learns whether it is signed in.

    The new session's id and cookies are kept on the row and in the client's jar.
    Raises: UpstreamError or AccountError when the page says nothing about the sign-in; the row stays as it is then.
    """
    return (await _read_start_page(account, client, replacing))[0]


async def _read_start_page(
    account: Account, client: httpx.AsyncClient, replacing: tuple[str, ...]
) -> tuple[Session, str]:
    answer = await fetch_session(client, settings.BING_URL)
    session = parse_session(answer.status, answer.headers, answer.text)
    now = timezone.now()
    if not session.signed_in:
        await sync_to_async(account.mark)(AccountState.EXPIRED, CookieExpiredError().message, now, replacing=replacing)
        return session, answer.text
    search = build_search_cookie(session, int(now.timestamp()))
    put_cookie(client, SEARCH_COOKIE, search)

    def save() -> None:
        account.mark(AccountState.OK, "", now, replacing=replacing)
        account.save_session(session.ig, jar_cookies(client) | {SEARCH_COOKIE: search}, now)

    await sync_to_async(save)()
    return session, answer.text


async def check_account(account_id: int, door: Door | None = None, *, only_if_wanted: bool = False) -> Account:
    """Look at Bing as this account and record what it says of account and capabilities; nothing is created.

    `only_if_wanted`: not when another job has begun the check that was asked for.
    Raises: NotFoundError when the account is gone.
    """
    account = await Account.objects.filter(pk=account_id).afirst()
    if account is None:
        raise NotFoundError(message="There is no such account.")
    # Whoever takes the wish away may do what it allows: of several jobs only one.
    wish = Account.objects.filter(pk=account_id, check_wanted_at=account.check_wanted_at)
    is_ours = bool(await wish.aupdate(check_wanted_at=None, check_opens_chat=False)) and bool(account.check_wanted_at)
    if only_if_wanted and not is_ours:
        return account
    if account.kind == AccountKind.BING and not account.sealed_cookies:
        await note_for_all(account, Finding(CheckState.FAILED, "It has no cookies."))
        return account
    try:
        async with _own(door) as through, _client(account, through) as client:
            await _look_at_all(account, client, may_open=is_ours and account.check_opens_chat)
    except UnopenedError as error:
        await _set_aside(account, error)
    return account


async def _look_at_all(account: Account, client: httpx.AsyncClient, *, may_open: bool) -> None:
    """Account and capabilities, whatever the row says of them."""
    replacing = tuple(AccountState.values)
    if account.kind != AccountKind.BING:
        await check_by_token(Look(account, client, "", may_open), replacing, is_asked_for=True)
        return
    page, obstacle = await _look_at_start_page(account, client, replacing)
    if obstacle is None:
        await prove_capabilities(Look(account, client, page, may_open))
    else:
        await note_for_all(account, obstacle)


async def _check_sign_in(account_id: int, door: Door, replacing: tuple[str, ...]) -> Account:
    """Whether the account is signed in: Bing's by the start page only."""
    account = await Account.objects.filter(pk=account_id).afirst()
    if account is None:
        raise NotFoundError(message="There is no such account.")
    try:
        async with _client(account, door) as client:
            if account.kind == AccountKind.BING:
                await _look_at_start_page(account, client, replacing)
            else:
                await check_by_token(Look(account, client, "", may_open=False), replacing, is_asked_for=False)
    except UnopenedError as error:
        await _set_aside(account, error)
    return account


async def _set_aside(account: Account, error: UnopenedError) -> None:
    """An account that no request can be made as: its row says what to give anew, the others are looked at."""
    await sync_to_async(mark_verdict)(account, error, timezone.now())
    await note_for_all(account, judge_failure(error))


async def _look_at_start_page(
    account: Account, client: httpx.AsyncClient, replacing: tuple[str, ...]
) -> tuple[str, Finding | None]:
    """The page, and what it says against every capability, if anything."""
    try:
        session, page = await _read_start_page(account, client, replacing)
        return page, None if session.signed_in else judge_failure(CookieExpiredError())
    except (ChallengeRequiredError, AccountBlockedError) as error:
        await sync_to_async(mark_verdict)(account, error, timezone.now())
        return "", judge_failure(error)
    except (UpstreamError, AccountThrottledError) as error:
        note = f"{error.message} ({error.detail})" if error.detail else error.message
        await sync_to_async(account.note_failed_check)(note, timezone.now())
        return "", judge_failure(error)


def _client(account: Account, door: Door) -> httpx.AsyncClient:
    return door.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)


@asynccontextmanager
async def _own(door: Door | None) -> AsyncIterator[Door]:
    """The door that is given, or one for this look alone."""
    if door is not None:
        yield door
        return
    async with Door() as own:
        yield own


async def check_all_accounts(door: Door | None = None) -> Counter[str]:
    """Check every enabled account that a page may change; how many are in which state afterwards."""
    rows = Account.objects.filter(is_enabled=True, state__in=RENEWABLE_STATES)
    rows = rows.exclude(sealed_cookies="", sealed_token="", token_command="")
    ids = [pk async for pk in rows.values_list("pk", flat=True)]
    return await _check_many(ids, door)


async def check_wanted_accounts(
    door: Door | None = None, *, patience_seconds: float = WANTED_CHECK_PATIENCE_SECONDS
) -> Counter[str]:
    """Do the checks that operators asked for so long ago and that no job has begun."""
    wanted = _wanted_checks(timezone.now(), patience_seconds).order_by("check_wanted_at", "pk")
    ids = [pk async for pk in wanted.values_list("pk", flat=True)]
    return await _check_many(ids, door, is_asked_for=True)


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


async def _check_many(ids: list[int], door: Door | None, *, is_asked_for: bool = False) -> Counter[str]:
    """Check a few at a time over one door; states counted. One account's trouble does not stop the others.

    A check that an operator asked for is of every capability, the others are of the sign-in alone.
    """
    gate = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(account_id: int, through: Door) -> str:
        async with gate:
            try:
                if is_asked_for:
                    return (await check_account(account_id, through, only_if_wanted=True)).state
                return (await _check_sign_in(account_id, through, RENEWABLE_STATES)).state
            except NotFoundError:
                return "gone"

    async with _own(door) as through:
        return Counter(await asyncio.gather(*(check(account_id, through) for account_id in ids)))
