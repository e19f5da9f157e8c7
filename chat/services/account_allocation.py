"""Lease an account for a turn, at once or after waiting in the queue, and release it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from datetime import datetime

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.microsoft.leases import Renewer, drop_lease, take_lease
from bingproject.errors import ServiceError
from chat.protocol.model_spec import Route
from chat.services.availability import expected_start, has_account, why_no_account
from chat.services.backends import BACK_ENDS
from chat.services.conversation_history import can_be_replayed
from chat.services.turn_state import ActiveTurn
from chat.services.wait_queue import QUEUE, Waiter, is_blocked, is_wanted

LOOK_SECONDS = 0.1
BUSY_SECONDS = 30.0  # Retry-After when nobody knows how long the accounts stay busy
_renewer = Renewer()


def try_account(turn: ActiveTurn, now: datetime) -> None:
    """Lease an account if there is room now, in the transaction that claims: one commit and one thread hop less.

    Only accounts of one back end are tried: the account's row stays locked until the claim is committed.
    """
    own = turn.session_route
    only = turn.conversation.account_id if own else None
    for route in turn.routes if own is None else (own,):
        if _try_route(turn, route, (), only, None, now, most=1) or own or has_account(route.back_end):
            return


def _try_route(
    turn: ActiveTurn,
    route: Route,
    excluded: Collection[int],
    only: int | None,
    waiter: Waiter | None,
    now: datetime,
    *,
    most: int = 0,
) -> bool:
    """Lease an account of this back end, or the account `only`, without overtaking earlier waiters; True if leased."""
    earlier = QUEUE.ahead_of(route.back_end, waiter)
    if is_blocked(only, earlier):
        return False

    def may_take(account_id: int) -> bool:
        return account_id not in excluded and not is_wanted(account_id, earlier)

    # Set in this thread: a caller who leaves meanwhile would never learn that there is a lease to drop.
    turn.lease = take_lease(
        BACK_ENDS[route.back_end].capability,
        lease_holder(turn.conversation.pk),
        now,
        only=only,
        may_take=may_take if excluded or earlier else None,
        most=most,
    )
    turn.route = route if turn.lease is not None else None
    return turn.lease is not None


def lease_holder(conversation_id: uuid.UUID) -> str:
    """Return the name under which a turn of this conversation leases an account."""
    return f"chat {conversation_id}"


async def ensure_account(turn: ActiveTurn, turn_end: float) -> None:
    """Lease an account unless the turn has one, and keep the lease renewed. Raises: as `_lease_account`."""
    if turn.lease is None:
        await _lease_account(turn, turn_end)
        keep_renewed(turn)


def keep_renewed(turn: ActiveTurn) -> None:
    """Renew the turn's lease, if it has one, until `renew_no_more`."""
    if turn.lease is not None:
        _renewer.hold(turn.lease.pk)


def renew_no_more(turn: ActiveTurn) -> None:
    """Stop renewing the turn's lease: it is about to be dropped, or expires by itself."""
    if turn.lease is not None:
        _renewer.release(turn.lease.pk)


async def release_account(turn: ActiveTurn) -> None:
    """Drop the lease so that the turn can take another account."""
    renew_no_more(turn)
    await sync_to_async(drop_account)(turn)


async def _lease_account(turn: ActiveTurn, turn_end: float) -> None:
    """Lease the conversation's own account while its upstream end lives, else the least busy account of the first back
    end that has a usable one. The upstream end is kept until another one is open in its place.

    Waits in the queue for room and pace, at most CHAT_FIRST_RECORD_SECONDS and not beyond `turn_end`, a time of the
    loop's clock.

    Raises:
        NoAccountError, AccountThrottledError and other account errors: Why no account is free.
    """
    loop = asyncio.get_running_loop()
    end = min(loop.time() + settings.CHAT_FIRST_RECORD_SECONDS, turn_end)
    waiter = Waiter()
    QUEUE.join(waiter)
    try:
        while True:
            if await sync_to_async(_take)(turn, waiter, end - loop.time()):
                return
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        QUEUE.leave(waiter)


def _take(turn: ActiveTurn, waiter: Waiter, seconds_left: float) -> bool:
    """Try once; return False to try again later. Raises the reason if no account is worth waiting for."""
    now = timezone.now()
    row, excluded = turn.conversation, turn.used.excluded
    own = turn.session_route
    if own is not None and not has_account(row.back_end, excluded, only=row.account_id) and can_be_replayed(turn):
        own = None
    only = row.account_id if own else None
    busy: ServiceError | None = None
    routes = turn.routes if own is None else (own,)
    for route in routes:
        waiter.back_end, waiter.only, waiter.excluded = route.back_end, only, excluded
        if _try_route(turn, route, excluded, only, waiter, now):
            return True
        if has_account(route.back_end, excluded, only=only):
            too_late = _too_late(route.back_end, waiter, now, seconds_left)
            if too_late is None:
                return False
            busy = busy or too_late
    raise busy or why_no_account([route.back_end for route in routes], now, only=only)


def _too_late(back_end: str, waiter: Waiter, now: datetime, seconds_left: float) -> ServiceError | None:
    """Return the error for a turn that an account would not be free for in time; None while one may be."""
    start = expected_start(back_end, waiter, QUEUE.ahead_of(back_end, waiter), now)
    seconds = (start - now).total_seconds()
    if seconds <= seconds_left and seconds_left > 0:
        return None
    retry_after = seconds if seconds > 0 else BUSY_SECONDS
    return BACK_ENDS[back_end].errors.build("too_many_running", "", retry_after=retry_after)


def drop_account(turn: ActiveTurn) -> None:
    """Drop the lease, in a thread or a transaction that is under way."""
    if turn.lease is not None:
        drop_lease(turn.lease.pk)
    turn.lease = turn.route = None
