"""The account that a turn holds: taken at once where there is room, else waited for in line, and let go of."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from datetime import datetime

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.leases import drop_lease, take_lease
from accounts.models import Lease
from bingproject.errors import ServiceError
from chat.protocol.catalogue import Route
from chat.services.availability import expected_start, has_account, why_no_account
from chat.services.backends import BACK_ENDS
from chat.services.line import LINE, Waiting, is_held_up, is_spoken_for
from chat.services.records import HeldTurn

LOOK_SECONDS = 0.1
BUSY_SECONDS = 30.0  # how long an account that is busy may be so, for who is told to come again


def try_account(held: HeldTurn, now: datetime) -> None:
    """Hold the account at once if there is room, in the transaction that claims: one commit and one thread hop less.

    Of one back end only: the account's row stays locked until the claim is committed, and where none was usable, none
    is locked.
    """
    way = held.session_route
    only = held.conversation.account_id if way else None
    for route in held.routes if way is None else (way,):
        if _try_route(held, route, (), only, None, now, most=1) or way or has_account(route.back_end):
            return


def _try_route(
    held: HeldTurn,
    route: Route,
    excluded: Collection[int],
    only: int | None,
    waiting: Waiting | None,
    now: datetime,
    *,
    most: int = 0,
) -> bool:
    """Whether an account of this back end, or that very one, could be had now; nobody is overtaken who waits for it
    longer.
    """
    earlier = LINE.before(route.back_end, waiting)
    if is_held_up(only, earlier):
        return False

    def may_take(account_id: int) -> bool:
        return account_id not in excluded and not is_spoken_for(account_id, earlier)

    # Noted here, in the thread: a caller who leaves meanwhile would never learn that there is one to let go of.
    held.lease = take_lease(
        BACK_ENDS[route.back_end].capability,
        lease_holder(held.conversation.pk),
        now,
        only=only,
        may_take=may_take if excluded or earlier else None,
        most=most,
    )
    held.route = route if held.lease is not None else None
    return held.lease is not None


def lease_holder(conversation_id: uuid.UUID) -> str:
    """The name that a turn of this conversation holds an account by."""
    return f"chat {conversation_id}"


async def lease_account(held: HeldTurn, excluded: Collection[int], turn_end: float) -> Lease:
    """Hold an account for the turn: the conversation's own while its upstream end lives, else the least busy one of the
    first back end that has a usable one. The upstream end is kept until another one is open in its place.

    Waits in line for room and pace, as long as for a first record. Units: `turn_end` on the loop's clock; the turn has
    no time beyond it.
    Raises: NoAccountError, AccountThrottledError and its like, with what stands in the way.
    """
    loop = asyncio.get_running_loop()
    end = min(loop.time() + settings.CHAT_FIRST_RECORD_SECONDS, turn_end)
    waiting = Waiting()
    LINE.join(waiting)
    try:
        while True:
            lease = await sync_to_async(_take)(held, excluded, waiting, end - loop.time())
            if lease is not None:
                return lease
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        LINE.leave(waiting)


def _take(held: HeldTurn, excluded: Collection[int], waiting: Waiting, seconds_left: float) -> Lease | None:
    """One look: an account, or None to look again. Raises: what stands in the way of all that could be waited for."""
    now = timezone.now()
    row = held.conversation
    way = held.session_route
    if way is not None and not has_account(row.back_end, excluded, only=row.account_id) and held.can_be_retold():
        way = None
    only = row.account_id if way else None
    busy: ServiceError | None = None
    routes = held.routes if way is None else (way,)
    for route in routes:
        waiting.back_end, waiting.only, waiting.excluded = route.back_end, only, excluded
        if _try_route(held, route, excluded, only, waiting, now):
            return held.lease
        if has_account(route.back_end, excluded, only=only):
            too_late = _too_late(route.back_end, waiting, now, seconds_left)
            if too_late is None:
                return None
            busy = busy or too_late
    raise busy or why_no_account([route.back_end for route in routes], now, only=only)


def _too_late(back_end: str, waiting: Waiting, now: datetime, seconds_left: float) -> ServiceError | None:
    """What to tell one whose turn would not come in time; None while it may."""
    start = expected_start(back_end, waiting, LINE.before(back_end, waiting), now)
    seconds = (start - now).total_seconds()
    if seconds <= seconds_left and seconds_left > 0:
        return None
    retry_after = seconds if seconds > 0 else BUSY_SECONDS
    return BACK_ENDS[back_end].voice.fail("too_many_running", "", retry_after=retry_after)


def let_go(held: HeldTurn) -> None:
    """Leave the account to others, and the upstream conversation that was held over it."""
    if held.lease is not None:
        drop_lease(held.lease.pk)
    held.lease = held.route = None
