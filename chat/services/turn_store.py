"""The SQL of a turn: claim its conversation at the beginning, record its outcome at the end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.callers.limits import Allowance
from accounts.microsoft import services as account_services
from accounts.models import Account, Lease
from bingproject.database.prepared_sql import insert
from bingproject.errors import ConflictError, NotFoundError
from bingproject.security.encryption import encrypt
from chat.models import ANSWERED, Conversation, Turn, TurnState, claim_end
from chat.protocol.transcript import hash_history
from chat.services.account_allocation import drop_account, lease_holder, try_account
from chat.services.backends import BACK_ENDS
from chat.services.catalogue import opening_routes
from chat.services.turn_state import ActiveTurn, TurnOutcome, TurnRequest

AGE_MARGIN_SECONDS = 300.0  # no turn begins in an upstream conversation that ends within this time
LOOK_SECONDS = 0.1
_one_writer = Lock()
Claimed = TypeVar("Claimed", bound=ActiveTurn | None)


@contextmanager
def _writing() -> Iterator[None]:
    """Open a transaction. SQLite has one writer at a time, and a second one sleeps for up to 100 ms between its tries:
    threads of this process take a lock instead.
    """
    with _one_writer if connection.vendor == "sqlite" else nullcontext(), transaction.atomic():
        yield


async def begin_turn(request: TurnRequest) -> ActiveTurn:
    """Claim the conversation of this turn, or create one. Wait for one that the caller names: its turns run in order.

    Raises:
        RateLimitError: `quota_exceeded`.
        NotFoundError: The caller has no such conversation.
        ConflictError: Another turn of the named conversation does not end in time.
        InvalidRequestError: The prompt is too long.
    """
    if request.conversation is None:
        return await claim(partial(_claim_or_insert, request), request.allowance)
    end = asyncio.get_running_loop().time() + settings.CHAT_TURN_SECONDS
    while True:
        turn = await claim(partial(_claim_named, request, request.conversation.pk), request.allowance)
        if turn is not None:
            return turn
        if asyncio.get_running_loop().time() > end:
            raise ConflictError("Another turn of this conversation is still running. Try again when it has ended.")
        await asyncio.sleep(LOOK_SECONDS)


async def claim(find: Callable[[str], Claimed], allowance: Allowance | None = None) -> Claimed:
    """Run `find` in a thread and return what it claimed; if the caller leaves meanwhile, the claim is given back.

    Args:
        find: Claims a conversation under the id it gets.
        allowance: The caller's turn of today, which is given back with the claim.
    """
    claim_id = str(uuid.uuid4())
    try:
        return await sync_to_async(find)(claim_id)
    except asyncio.CancelledError:
        # The thread does one thing after the other: by then it has claimed one, or never will.
        await to_the_end(sync_to_async(_give_back)(claim_id, allowance))
        raise


async def to_the_end(tidying: Coroutine[Any, Any, None]) -> None:
    """Wait for work that leaves things in order, also when the waiting is cancelled meanwhile."""
    task = asyncio.ensure_future(tidying)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _give_back(claim_id: str, allowance: Allowance | None) -> None:
    if allowance is not None:
        allowance.end(is_counted=False)
    rows = Conversation.objects.filter(claim=claim_id)
    Lease.objects.filter(holder__in=[lease_holder(pk) for pk in rows.values_list("pk", flat=True)]).delete()
    rows.filter(create_count=0, turns=None).delete()  # made for this turn
    rows.update(claim="", claimed_until=None)


def _claim_named(request: TurnRequest, conversation_id: uuid.UUID, claim: str) -> ActiveTurn | None:
    now = timezone.now()
    row = Conversation.objects.select_related("account").filter(pk=conversation_id).first()
    if row is None:
        raise NotFoundError("Conversation not found. Create a new one.")
    with _writing():
        return _begin(request, row, claim, now) if row.take(claim, now) else None


def _claim_or_insert(request: TurnRequest, claim: str) -> ActiveTurn:
    """Claim the conversation that the history continues. If a second caller continues the same one, insert another."""
    now = timezone.now()
    if request.prompt.history:
        key = hash_history(request.caller_id, request.model.id, request.prompt.key_system, request.prompt.history)
        for row in Conversation.objects.continuing(key, request.caller_id, request.model.id, now):
            with _writing():
                if row.take(claim, now):
                    return _begin(request, row, claim, now)
    request = replace(request, routes=opening_routes(request.routes, request.prompt))
    with _writing():
        _count(request, now)
        turn = claim_new(request, claim)
        try_account(turn, now)
    return turn


def claim_new(request: TurnRequest, claim: str, *, user_id: str = "") -> ActiveTurn:
    """Insert a new conversation, claimed at once."""
    now = timezone.now()
    system = request.prompt.system if settings.CHAT_STORE_TEXT else ""
    row = Conversation(
        caller_id=request.caller_id,
        user_id=user_id,
        origin=request.origin,
        model=request.model.id,
        encrypted_system=encrypt(system) if system else "",
        claim=claim,
        claimed_until=claim_end(now),
        created_at=now,
        used_at=now,
    )
    insert(row)
    return ActiveTurn(request, row, claim, now, request.routes)


def keep_open(turn: ActiveTurn, now: datetime) -> None:
    """Free a conversation that was opened for turns to come."""
    row = turn.conversation
    row.release(
        turn.claim,
        account_id=row.account_id,
        back_end=row.back_end,
        encrypted_credentials=row.encrypted_credentials,
        opened_at=row.opened_at,
        create_count=turn.opened_count,
        used_at=now,
    )
    drop_account(turn)


def discard(turn: ActiveTurn) -> None:
    """Forget a conversation that could not be opened."""
    drop_account(turn)
    turn.conversation.delete()


def _count(request: TurnRequest, now: datetime) -> None:
    """Count before an account is leased: a turn that waits for the account's row must not lock this counter."""
    if request.allowance is not None:
        request.allowance.begin(now)


def _begin(request: TurnRequest, row: Conversation, claim: str, now: datetime) -> ActiveTurn:
    turn = ActiveTurn(request, row, claim, now, request.routes, encrypted_before=row.encrypted_credentials)
    age = (now - row.opened_at).total_seconds() if row.opened_at else 0.0
    if age > BACK_ENDS[row.back_end].conversation_seconds - AGE_MARGIN_SECONDS:
        turn.drop_session()
    if turn.session_route is None or not row.upstream_turn_count:
        turn.routes = opening_routes(turn.routes, request.prompt)
    _count(request, now)
    try_account(turn, now)
    return turn


def end_turn(turn: ActiveTurn, now: datetime) -> None:
    """Record the turn, free the conversation and the account: one transaction.

    After a turn that was asked and did not end, the state of the upstream conversation is unknown, so it is not used
    again. If the caller's own limit ended the turn, the chat continues in the same row, over another one.
    """
    if turn.finished is None and turn.has_asked:
        turn.drop_session()
    with _writing():
        account = turn.lease.account if turn.lease else None
        capability = turn.back_end.capability if account else ""
        drop_account(turn)
        outcome = turn.summary.outcome(turn.request, turn.finished, is_refused=turn.is_refused)
        _insert_turn(turn, outcome, account, now)
        turn.conversation.release(turn.claim, **_conversation_changes(turn, outcome, now))
        if turn.request.allowance is not None:
            turn.request.allowance.end(is_counted=turn.summary.is_counted)
        if outcome.state in (TurnState.FINISHED, TurnState.CUT) and account is not None:
            account_services.mark_success(account, capability, now)


def _insert_turn(turn: ActiveTurn, outcome: TurnOutcome, account: Account | None, now: datetime) -> None:
    summary, texts = turn.summary, settings.CHAT_STORE_TEXT
    row = Turn(
        conversation=turn.conversation,
        index=turn.conversation.turn_count,
        state=outcome.state,
        account=account,
        prompt=turn.request.prompt.question if texts else "",
        answer=outcome.answer if texts else "",
        sources=summary.sources if texts else [],
        suggestions=summary.suggestions if texts else [],
        received_characters=len(outcome.answer),
        sent_characters=len(turn.request.prompt.question),
        dropped_turn_count=summary.dropped,
        error_code=summary.error.code if summary.error else "",
        error_detail=(summary.error.detail or summary.error.message)[:2000] if summary.error else "",
        request_id=turn.request.request_id[:36],
        started_at=turn.started_at,
        first_text_at=summary.first_text_at,
        finished_at=now,
    )
    insert(row)


def _conversation_changes(turn: ActiveTurn, outcome: TurnOutcome, now: datetime) -> dict[str, Any]:
    row, request = turn.conversation, turn.request
    is_answered = outcome.state in ANSWERED
    changes: dict[str, Any] = {
        "account_id": row.account_id if row.encrypted_credentials else None,
        "back_end": row.back_end,
        "opened_at": row.opened_at,
        "upstream_turn_count": row.upstream_turn_count,
        "create_count": row.create_count + turn.opened_count,
        "used_at": now,
        "turn_count": row.turn_count + is_answered,
        "last_error": turn.summary.error.code if turn.summary.error else "",
    }
    if row.encrypted_credentials != turn.encrypted_before:
        # Not otherwise: key rotation may have encrypted them again since they were read.
        changes["encrypted_credentials"] = row.encrypted_credentials
    system = request.prompt.system if settings.CHAT_STORE_TEXT and is_answered and request.conversation else ""
    if system and (turn.opened_count or not row.encrypted_system):
        # A named conversation had none yet, and a new upstream conversation must get what the last one got.
        changes["encrypted_system"] = encrypt(system)
    if is_answered and request.conversation is None:
        said = request.prompt.after(outcome.canonical)
        changes["history_key"] = hash_history(request.caller_id, request.model.id, request.prompt.key_system, said)
    return changes
