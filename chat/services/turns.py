"""Run a chat turn: the loop that joins the turn's data, its rows, and the policy for failed attempts.

`turn_state` is the data, `turn_store` the SQL at its beginning and end, `account_allocation` its lease, `turn_attempt`
the preparation of each attempt, `retry_policy` (pure) and `turn_recovery` what follows a failed one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial

from asgiref.sync import sync_to_async
from django.db import Error
from django.utils import timezone

from accounts.callers.limits import Allowance
from bingproject.cluster.web_shutdown import shutdown
from bingproject.database.outages import is_outage, outages
from bingproject.errors import RateLimitError, ServiceError, StoppingError
from chat import client
from chat.models import Conversation, Origin
from chat.protocol.events import Event, HistoryDropped, Prompt, TextDelta
from chat.protocol.model_spec import ChatModelSpec
from chat.services import turn_store
from chat.services.account_allocation import ensure_account, keep_renewed, renew_no_more
from chat.services.catalogue import routes_for
from chat.services.turn_attempt import open_session, prepare, served_by
from chat.services.turn_clock import TurnClock
from chat.services.turn_limit import one_turn
from chat.services.turn_recovery import recover
from chat.services.turn_state import ActiveTurn, TurnRequest

logger = logging.getLogger(__name__)


async def stream_turn(request: TurnRequest) -> AsyncGenerator[Event, None]:
    """Yield the events of one turn, the last of them `Finished`.

    Closing the generator, or a failure, closes the socket and releases account and conversation.

    Raises:
        RateLimitError: The caller runs too many turns.
        ServiceError: Before the first text only after all retries; after it, at once.
    """
    request = replace(request, routes=routes_for(request.model, request.prompt))
    turn = await turn_store.begin_turn(request)
    try:
        keep_renewed(turn)
        # After the day's quota: what that refuses takes no place.
        with _within_limit(turn):
            async with aclosing(_attempts(turn, TurnClock())) as events:
                async for event in events:
                    yield event
    except (asyncio.CancelledError, GeneratorExit):
        if shutdown.is_begun:
            # The caller has not left: this process ends the answer.
            turn.summary.fail(StoppingError())
        raise
    finally:
        await turn_store.to_the_end(_end(turn))


async def start_conversation(
    caller_id: str, model: ChatModelSpec, origin: Origin, user_id: str = "", allowance: Allowance | None = None
) -> Conversation:
    """Open an upstream conversation and store it for the caller's first turn, for which there must be room.

    If it raises, nothing is stored.

    Raises:
        RateLimitError: `quota_exceeded`.
        ServiceError: The upstream conversation could not be opened, after all retries.
    """
    if allowance is not None:
        await sync_to_async(allowance.check)(timezone.now())
    request = TurnRequest(caller_id, model, Prompt("", (), ""), origin, routes=routes_for(model))
    turn = await turn_store.claim(partial(turn_store.claim_new, request, user_id=user_id))
    is_open = False
    try:
        await _open(turn, TurnClock())
        is_open = True
    finally:
        await turn_store.to_the_end(_leave(turn, is_open=is_open))
    return turn.conversation


async def leave_spare(allowance: Allowance | None) -> None:
    """Give back what a request of several turns counted and did not begin."""
    if allowance is not None and allowance.spare:
        await turn_store.to_the_end(sync_to_async(allowance.give_back_spare)())


async def _attempts(turn: ActiveTurn, clock: TurnClock) -> AsyncGenerator[Event, None]:
    """Make attempts until one has shown something or nothing is left to try."""
    while True:
        try:
            await ensure_account(turn, clock.end)
            address, dialect = await clock.limit(prepare(turn), turn.back_end)
            yield served_by(turn)
            if turn.summary.dropped:
                yield HistoryDropped(turn.summary.dropped)
            turn.summary.is_asked = True
            with clock.measured_handshake(dialect):
                async with aclosing(client.stream(address, dialect, clock.timers(turn.back_end))) as events:
                    has_text = False
                    async for event in events:
                        # Of the deltas, nearly all the events, only the first one says something new.
                        if not (has_text and isinstance(event, TextDelta)):
                            turn.add(event, timezone.now())
                            has_text = turn.has_text
                        yield event
            return
        except (ServiceError, client.UpgradeRefusedError) as failure:
            error = _meaning(turn, failure)
            if not await recover(turn, clock, error):
                turn.summary.fail(error)
                if error is failure:
                    raise
                raise error from failure


async def _open(turn: ActiveTurn, clock: TurnClock) -> None:
    """Open the upstream conversation alone, for turns to come."""
    while True:
        try:
            await ensure_account(turn, clock.end)
            await clock.limit(open_session(turn), turn.back_end)
            return
        except ServiceError as error:
            if not await recover(turn, clock, error):
                raise


def _meaning(turn: ActiveTurn, failure: ServiceError | client.UpgradeRefusedError) -> ServiceError:
    """Return the error of a failed attempt."""
    if isinstance(failure, ServiceError):
        return failure
    return turn.back_end.refusal(failure.status, failure.headers, failure.body)


@contextmanager
def _within_limit(turn: ActiveTurn) -> Iterator[None]:
    """Count the turn against its caller's limit while it runs. Raises RateLimitError at the limit."""
    try:
        with one_turn(turn.request.caller_id):
            yield
    except RateLimitError as error:
        turn.summary.fail(error)
        raise


async def _end(turn: ActiveTurn) -> None:
    """Record the turn and release account and conversation.

    The caller keeps its answer through a database outage, or it would ask and pay again; lease and claim expire.
    """
    renew_no_more(turn)
    try:
        await sync_to_async(turn_store.end_turn)(turn, timezone.now())
    except Error as error:
        if not is_outage(error):
            raise
        outages.note(error)
        what = "unanswered" if turn.finished is None else "answered"
        logger.warning("an %s turn was not recorded: %s", what, type(error).__name__)


async def _leave(turn: ActiveTurn, *, is_open: bool) -> None:
    """Release a conversation that was opened; delete one that could not be."""
    renew_no_more(turn)
    if is_open:
        await sync_to_async(turn_store.keep_open)(turn, timezone.now())
    else:
        await sync_to_async(turn_store.discard)(turn)
