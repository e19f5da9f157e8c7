"""Carry out what `retry_policy` decides after a failed attempt: the queries, waits and changes to the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.models import Account
from bingproject.errors import (
    AccountThrottledError,
    DecryptionError,
    ServiceError,
    UpstreamError,
    UpstreamTimeoutError,
)
from chat.services.account_allocation import release_account
from chat.services.availability import has_account
from chat.services.conversation_history import is_bound
from chat.services.retry_policy import FailedAttempt, NextStep, next_steps
from chat.services.turn_clock import TurnClock
from chat.services.turn_state import ActiveTurn

RETRY_PAUSE_SECONDS = 0.5
FIRST_COOLDOWN_SECONDS, LONGEST_COOLDOWN_SECONDS = 3600.0, 12 * 3600.0


async def recover(turn: ActiveTurn, clock: TurnClock, error: ServiceError) -> bool:
    """Prepare another attempt after this failure. Return False when none is left; the account's row is written then."""
    failed = describe(turn, clock, error)
    if failed.has_account and not failed.has_text:
        turn.drop_failed_session(error)
    for step in next_steps(failed):
        if await _TAKE[step](turn, clock, error):
            return True
    return False


def describe(turn: ActiveTurn, clock: TurnClock, error: ServiceError) -> FailedAttempt:
    """Collect the facts that the decision depends on; no query is needed for them."""
    if turn.lease is None:
        return FailedAttempt(error, has_account=False)
    used, back_end, account_id = turn.used, turn.back_end, turn.lease.account_id
    is_heard = turn.dialect is not None and turn.dialect.progress > 0
    return FailedAttempt(
        error,
        has_text=turn.has_text,
        has_asked=turn.has_asked,
        # Without a token nothing was refused: its command has failed just now, or there is none.
        may_renew=not isinstance(error, account_services.NoTokenError | DecryptionError)
        and account_id not in used.renewed,
        may_repeat=back_end.may_repeat(error, is_heard=is_heard),
        is_late=clock.is_over,
        is_spent=clock.budget.is_spent,
        is_slow=clock.budget.is_slow,
        is_last=all(route.back_end == back_end.name for route in turn.routes),
        was_replayed=used.has_replayed,
        was_retried=back_end.name in used.retried,
        was_moved=back_end.name in used.moved,
    )


async def _renew(turn: ActiveTurn, clock: TurnClock, _error: ServiceError) -> bool:
    """Try once, and in time, to get other credentials than those that were refused."""
    account, back_end = turn.account, turn.back_end
    turn.used.renewed.add(account.pk)
    try:
        return await clock.limit(back_end.renew(account), back_end)
    except UpstreamTimeoutError:
        return False


async def _mark_account(turn: ActiveTurn, _clock: TurnClock, error: ServiceError) -> bool:
    account, capability = turn.account, turn.back_end.capability
    if isinstance(error, AccountThrottledError) and error.retry_after is None:
        error.retry_after = await sync_to_async(_cooldown_seconds)(account, capability)
    await sync_to_async(account_services.apply_error)(account, capability, error, timezone.now())
    return False


async def _replay(turn: ActiveTurn, _clock: TurnClock, _error: ServiceError) -> bool:
    turn.used.has_replayed = True
    return True


async def _retry_replayed(turn: ActiveTurn, clock: TurnClock, error: ServiceError) -> bool:
    if await sync_to_async(is_bound)(turn):
        return False
    turn.wants_new_session = True
    return await _retry(turn, clock, error)


async def _retry(turn: ActiveTurn, _clock: TurnClock, _error: ServiceError) -> bool:
    turn.used.retried.add(turn.back_end.name)
    await asyncio.sleep(RETRY_PAUSE_SECONDS)
    return True


async def _other_account(turn: ActiveTurn, _clock: TurnClock, error: ServiceError) -> bool:
    """Release the account for another one. Accounts that cannot answer may follow each other; what failed for the back
    end's sake is tried over one other account of it.
    """
    turn.used.excluded.add(turn.account.pk)
    if not await sync_to_async(_has_account)(turn):
        return False
    if isinstance(error, UpstreamError):
        turn.used.moved.add(turn.back_end.name)
    await release_account(turn)
    return True


async def _other_back_end(turn: ActiveTurn, clock: TurnClock, error: ServiceError) -> bool:
    name, routes = turn.back_end.name, turn.routes
    turn.routes = tuple(route for route in routes if route.back_end != name)
    if await _other_account(turn, clock, error):
        return True
    turn.routes = routes
    turn.used.excluded.discard(turn.account.pk)
    return False


def _has_account(turn: ActiveTurn) -> bool:
    """True if a back end that is left has a usable account, and the chat can continue over it."""
    is_usable = any(has_account(route.back_end, turn.used.excluded) for route in turn.routes)
    return is_usable and not is_bound(turn)


def _cooldown_seconds(account: Account, capability: str) -> float:
    """Return an hour, doubled each time up to twelve; a success in between starts over."""
    count = account.capabilities.values_list("cooldown_count", flat=True).get(capability=capability)
    return float(min(FIRST_COOLDOWN_SECONDS * 2 ** min(count, 10), LONGEST_COOLDOWN_SECONDS))


_TAKE: dict[NextStep, Callable[[ActiveTurn, TurnClock, ServiceError], Awaitable[bool]]] = {
    NextStep.RENEW_CREDENTIALS: _renew,
    NextStep.MARK_ACCOUNT: _mark_account,
    NextStep.REPLAY: _replay,
    NextStep.RETRY_REPLAYED: _retry_replayed,
    NextStep.RETRY: _retry,
    NextStep.OTHER_ACCOUNT: _other_account,
    NextStep.OTHER_BACK_END: _other_back_end,
}
