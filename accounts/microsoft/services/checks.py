"""Give accounts new credentials, and check accounts by reading Bing's start page.

Logs and notes never contain a page or a header. An outage or an unreadable page changes no account's state.
"""

from __future__ import annotations

import asyncio
import logging
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

from accounts.microsoft.client import fetch_session
from accounts.microsoft.protocol import FoundCredentials, Session, build_search_cookie, parse_cookies, parse_session
from accounts.microsoft.services.availability import accounts_in_service
from accounts.microsoft.services.boosts import note_boosts
from accounts.microsoft.services.capability_checks import (
    CheckContext,
    Finding,
    check_capabilities,
    judge_failure,
    note_for_all,
)
from accounts.microsoft.services.credentials import end_of
from accounts.microsoft.services.outcomes import mark_verdict
from accounts.microsoft.services.token_checks import check_by_token
from accounts.models import Account, AccountCapability, AccountKind, AccountState, CheckState
from bingproject.cluster.brokers import send_job
from bingproject.cluster.process_registry import has_own_cluster
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    DecryptionError,
    NotFoundError,
    UpstreamError,
)
from bingproject.upstream.http_client import ConnectionPool, jar_cookies, put_cookie

logger = logging.getLogger(__name__)
SEARCH_COOKIE = "SRCHHPGUSR"
RECHECK_SECONDS = 10
RECHECKS_AT_ONCE = 8
CHECKS_AT_ONCE = 4
# If no job has started a requested check by now, it was lost with its machine's queue.
WANTED_CHECK_PATIENCE_SECONDS = 5
# The states that reading the start page may change: an account may be challenged or blocked although the page opens.
RENEWABLE_STATES = (AccountState.UNCHECKED, AccountState.OK, AccountState.EXPIRED)


def rotate_cookies(account: Account, cookies: str | dict[str, str], now: datetime) -> None:
    """Give the account new cookies, and request a check once they are committed.

    Raises:
        InvalidRequestError: The text holds no usable cookies.
    """
    parsed = parse_cookies(cookies, now.timestamp()) if isinstance(cookies, str) else cookies
    with transaction.atomic():
        account.rotate(parsed, now)
        request_check(account, now)


def give_credentials(account: Account, found: FoundCredentials, now: datetime) -> None:
    """Give a token account the pasted credentials, and request a check once they are committed."""
    token = found.token
    with transaction.atomic():
        account.rotate(
            found.cookies, now, token=token.text if token else "", expires_at=end_of(token) if token else None
        )
        request_check(account, now)


def request_check(account: Account, now: datetime, *, opens_chat: bool = False) -> None:
    """Request a check of the account by a worker."""
    request_checks([account.pk], now, opens_chat=opens_chat)


def request_checks(account_ids: Collection[int], now: datetime, *, opens_chat: bool = False) -> int:
    """Request checks of these accounts by workers; return how many accounts there are.

    The rows store the request. The job only wakes this machine's own workers, if it has any; without one, or when it is
    lost, the watchdogs of all machines start the checks (see `needs_check`).

    Args:
        account_ids: The accounts to check.
        now: The time of the request, which `count_unfinished_checks` takes.
        opens_chat: Each check may open a conversation.
    """
    rows = Account.objects.filter(pk__in=account_ids)
    count = rows.update(check_wanted_at=now, check_asked_at=now, check_opens_chat=opens_chat)
    if count == 1:
        (account_id,) = account_ids
        name = f"check account {account_id}"
        nudge = partial(send_job, "accounts.jobs.check_account", account_id, name=name)
    else:
        nudge = partial(send_job, "accounts.jobs.check_asked_accounts", name=f"check {count} accounts")
    if has_own_cluster(timezone.now()):
        transaction.on_commit(nudge, robust=True)
    return count


def count_unfinished_checks(asked_at: datetime) -> int:
    """Return how many of the accounts requested together at `asked_at` have a capability without a result."""
    unknown = AccountCapability.objects.filter(account__check_asked_at=asked_at)
    unknown = unknown.filter(Q(checked_at=None) | Q(checked_at__lt=asked_at))
    return unknown.values("account").distinct().count()


def needs_check() -> bool:
    """True if no job has started a requested check in time; every machine's watchdog asks."""
    return _wanted_checks(timezone.now(), WANTED_CHECK_PATIENCE_SECONDS).exists()


def _wanted_checks(now: datetime, patience_seconds: float) -> QuerySet[Account]:
    return Account.objects.filter(check_wanted_at__lte=now - timedelta(seconds=patience_seconds))


async def renew_session(
    account: Account, client: httpx.AsyncClient, *, replacing: tuple[str, ...] = RENEWABLE_STATES
) -> Session:
    """Read Bing's start page with the account's client, and store if the account is signed in.

    The new session's id and cookies are stored in the row and in the client's jar.

    Raises:
        UpstreamError, AccountError: The page does not show if the account is signed in; the row is unchanged.
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
        note_boosts(account, answer.text, now)

    await sync_to_async(save)()
    return session, answer.text


async def check_account(
    account_id: int, pool: ConnectionPool | None = None, *, only_if_wanted: bool = False
) -> Account:
    """Check the account and its capabilities without creating anything, and store the results.

    Args:
        account_id: The account to check.
        pool: The connection pool to use, by default one for this check alone.
        only_if_wanted: Do nothing if another job has started the requested check.

    Raises:
        NotFoundError: The account has been deleted.
    """
    account = await Account.objects.filter(pk=account_id).afirst()
    if account is None:
        raise NotFoundError(message="There is no such account.")
    # Only the job that clears the request may do what it allows, such as opening a conversation.
    wish = Account.objects.filter(pk=account_id, check_wanted_at=account.check_wanted_at)
    is_ours = bool(await wish.aupdate(check_wanted_at=None, check_opens_chat=False)) and bool(account.check_wanted_at)
    if only_if_wanted and not is_ours:
        return account
    if account.kind == AccountKind.BING and not account.encrypted_cookies:
        await note_for_all(account, Finding(CheckState.FAILED, "It has no cookies."))
        return account
    try:
        async with _own(pool) as through, _client(account, through) as client:
            await _look_at_all(account, client, may_open=is_ours and account.check_opens_chat)
    except DecryptionError as error:
        await _set_aside(account, error)
    return account


async def _look_at_all(account: Account, client: httpx.AsyncClient, *, may_open: bool) -> None:
    """Check the account and its capabilities; the result may replace any state."""
    replacing = tuple(AccountState.values)
    if account.kind != AccountKind.BING:
        await check_by_token(CheckContext(account, client, "", may_open), replacing, is_asked_for=True)
        return
    page, obstacle = await _look_at_start_page(account, client, replacing)
    if obstacle is None:
        await check_capabilities(CheckContext(account, client, page, may_open))
    else:
        await note_for_all(account, obstacle)


async def _check_sign_in(account_id: int, pool: ConnectionPool, replacing: tuple[str, ...]) -> Account:
    """Check if the account is signed in; for a Bing account, read the start page only."""
    account = await Account.objects.filter(pk=account_id).afirst()
    if account is None:
        raise NotFoundError(message="There is no such account.")
    try:
        async with _client(account, pool) as client:
            if account.kind == AccountKind.BING:
                await _look_at_start_page(account, client, replacing)
            else:
                await check_by_token(CheckContext(account, client, "", may_open=False), replacing, is_asked_for=False)
    except DecryptionError as error:
        await _set_aside(account, error)
    return account


async def _set_aside(account: Account, error: DecryptionError) -> None:
    """Mark an account whose credentials cannot be decrypted, so that the checks of the others continue."""
    _log_unproved(account, error.message)
    await sync_to_async(mark_verdict)(account, error, timezone.now())
    await note_for_all(account, judge_failure(error))


async def _look_at_start_page(
    account: Account, client: httpx.AsyncClient, replacing: tuple[str, ...]
) -> tuple[str, Finding | None]:
    """Return the start page, and the finding for all capabilities if the page shows that none can work."""
    try:
        session, page = await _read_start_page(account, client, replacing)
        if session.signed_in:
            return page, None
        _log_unproved(account, CookieExpiredError().message)
        return page, judge_failure(CookieExpiredError())
    except (ChallengeRequiredError, AccountBlockedError) as error:
        _log_unproved(account, error.message)
        await sync_to_async(mark_verdict)(account, error, timezone.now())
        return "", judge_failure(error)
    except (UpstreamError, AccountThrottledError) as error:
        note = f"{error.message} ({error.detail})" if error.detail else error.message
        _log_unproved(account, note)
        await sync_to_async(account.note_failed_check)(note, timezone.now())
        return "", judge_failure(error)


def _log_unproved(account: Account, why: str) -> None:
    """Log why a check failed: on a first start, operators watch the terminal and not the admin."""
    logger.warning("the account %s failed its check: %s", account.name, why)


def _client(account: Account, pool: ConnectionPool) -> httpx.AsyncClient:
    return pool.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)


@asynccontextmanager
async def _own(pool: ConnectionPool | None) -> AsyncIterator[ConnectionPool]:
    """Yield the given pool, or a new one that closes after the check."""
    if pool is not None:
        yield pool
        return
    async with ConnectionPool() as own:
        yield own


async def check_all_accounts(pool: ConnectionPool | None = None) -> Counter[str]:
    """Check every enabled account in a renewable state; return how many are in which state afterwards."""
    rows = accounts_in_service().filter(state__in=RENEWABLE_STATES)
    ids = [pk async for pk in rows.values_list("pk", flat=True)]
    return await _check_many(ids, pool)


async def check_wanted_accounts(
    pool: ConnectionPool | None = None, *, patience_seconds: float = WANTED_CHECK_PATIENCE_SECONDS
) -> Counter[str]:
    """Run the checks that were requested `patience_seconds` ago and that no job has started."""
    wanted = _wanted_checks(timezone.now(), patience_seconds).order_by("check_wanted_at", "pk")
    ids = [pk async for pk in wanted.values_list("pk", flat=True)]
    return await _check_many(ids, pool, is_asked_for=True)


async def recheck_expired(capability: str, now: datetime, pool: ConnectionPool | None = None) -> bool:
    """Check expired accounts again, because cookies have been seen to work again; True if one is usable now.

    Callers do this when no other account is usable. All machines together check each account at most every 10 s.
    """
    cooled_down = Q(checked_at=None) | Q(checked_at__lte=now - timedelta(seconds=RECHECK_SECONDS))
    rows = AccountCapability.objects.of_enabled(capability).filter(account__state=AccountState.EXPIRED)
    ids = rows.order_by("account__checked_at").values_list("account_id", flat=True)
    claimed: list[int] = []
    async for pk in ids:
        claim = Account.objects.filter(cooled_down, pk=pk, state=AccountState.EXPIRED)
        if await claim.aupdate(checked_at=now):
            claimed.append(pk)
        if len(claimed) == RECHECKS_AT_ONCE:
            break
    return bool((await _check_many(claimed, pool))[AccountState.OK]) if claimed else False


async def _check_many(ids: list[int], pool: ConnectionPool | None, *, is_asked_for: bool = False) -> Counter[str]:
    """Check a few accounts at a time over one pool; return how many are in which state.

    A check that an operator requested covers every capability, the others only the sign-in.
    """
    slots = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(account_id: int, through: ConnectionPool) -> str:
        async with slots:
            try:
                if is_asked_for:
                    return (await check_account(account_id, through, only_if_wanted=True)).state
                return (await _check_sign_in(account_id, through, RENEWABLE_STATES)).state
            except NotFoundError:
                return "gone"

    async with _own(pool) as through:
        return Counter(await asyncio.gather(*(check(account_id, through) for account_id in ids)))
