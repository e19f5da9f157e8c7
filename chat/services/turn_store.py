"""What a turn holds and leaves behind in the tables: the conversation it claimed, its lease, its record."""

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

from accounts import services as accounts
from accounts.limits import Allowance
from accounts.models import Account, Lease
from bingproject.errors import ConflictError, NotFoundError
from bingproject.seals import seal
from bingproject.statements import insert
from chat.models import ANSWERED, Conversation, Turn, TurnState, claim_end
from chat.protocol.transcript import hash_history
from chat.services.backends import BACK_ENDS
from chat.services.catalogue import opening_routes
from chat.services.holds import lease_holder, let_go, try_account
from chat.services.records import HeldTurn, Outcome, TurnRequest

AGE_MARGIN_SECONDS = 300.0  # an upstream conversation this close to its end is not begun on
LOOK_SECONDS = 0.1
_one_writer = Lock()
Held = TypeVar("Held", bound=HeldTurn | None)


@contextmanager
def _writing() -> Iterator[None]:
    """A transaction. SQLite has one writer at a time, and who finds another one at it sleeps for up to 100 ms and
    looks again: threads of this process take turns instead.
    """
    with _one_writer if connection.vendor == "sqlite" else nullcontext(), transaction.atomic():
        yield


# --- beginning ---


async def begin_turn(request: TurnRequest) -> HeldTurn:
    """Claim the conversation this turn belongs to, or open a new one.

    A conversation named by the caller is waited for: its turns come one after the other.
    Raises: RateLimitError (`quota_exceeded`), NotFoundError, ConflictError; InvalidRequestError for what is too long.
    """
    if request.conversation is None:
        return await claim(partial(_claim_or_insert, request), request.allowance)
    end = asyncio.get_running_loop().time() + settings.CHAT_TURN_SECONDS
    while True:
        held = await claim(partial(_claim_named, request, request.conversation.pk), request.allowance)
        if held is not None:
            return held
        if asyncio.get_running_loop().time() > end:
            raise ConflictError("Another turn of this conversation is still running. Try again when it has ended.")
        await asyncio.sleep(LOOK_SECONDS)


async def claim(find: Callable[[str], Held], allowance: Allowance | None = None) -> Held:
    """What `find` makes of a fresh claim, in a thread; a caller who leaves meanwhile leaves nothing claimed."""
    mark = str(uuid.uuid4())
    try:
        return await sync_to_async(find)(mark)
    except asyncio.CancelledError:
        # The thread does one thing after the other: by then it has claimed one, or never will.
        await to_the_end(sync_to_async(_give_back)(mark, allowance))
        raise


async def to_the_end(tidying: Coroutine[Any, Any, None]) -> None:
    """Wait for work that leaves things in order, also when the waiting is cancelled meanwhile."""
    task = asyncio.ensure_future(tidying)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _give_back(mark: str, allowance: Allowance | None) -> None:
    if allowance is not None:
        allowance.end(is_counted=False)
    rows = Conversation.objects.filter(claim=mark)
    Lease.objects.filter(holder__in=[lease_holder(pk) for pk in rows.values_list("pk", flat=True)]).delete()
    rows.filter(create_count=0, turns=None).delete()  # made for this turn
    rows.update(claim="", claimed_until=None)


def _claim_named(request: TurnRequest, conversation_id: uuid.UUID, claim: str) -> HeldTurn | None:
    now = timezone.now()
    row = Conversation.objects.select_related("account").filter(pk=conversation_id).first()
    if row is None:
        raise NotFoundError("Conversation not found. Create a new one.")
    with _writing():
        return _begun(request, row, claim, now) if row.take(claim, now) else None


def _claim_or_insert(request: TurnRequest, claim: str) -> HeldTurn:
    """One conversation per continued history: of two callers with the same one the second gets a new one."""
    now = timezone.now()
    if request.prompt.history:
        key = hash_history(request.holder, request.model.id, request.prompt.key_system, request.prompt.history)
        for row in Conversation.objects.continuing(key, request.holder, request.model.id, now):
            with _writing():
                if row.take(claim, now):
                    return _begun(request, row, claim, now)
    request = replace(request, routes=opening_routes(request.routes, request.prompt))
    with _writing():
        _count(request, now)
        held = claim_new(request, claim)
        try_account(held, now)
    return held


def claim_new(request: TurnRequest, claim: str, *, user_id: str = "") -> HeldTurn:
    """A new conversation's row, claimed at once."""
    now = timezone.now()
    system = request.prompt.system if settings.CHAT_STORE_TEXT else ""
    row = Conversation(
        holder=request.holder,
        user_id=user_id,
        origin=request.origin,
        model=request.model.id,
        sealed_system=seal(system) if system else "",
        claim=claim,
        claimed_until=claim_end(now),
        created_at=now,
        used_at=now,
    )
    insert(row)
    return HeldTurn(request, row, claim, now, request.routes)


def keep_open(held: HeldTurn, now: datetime) -> None:
    """Free a conversation that was opened for turns to come."""
    row = held.conversation
    row.release(
        held.claim,
        account_id=row.account_id,
        back_end=row.back_end,
        sealed_credentials=row.sealed_credentials,
        opened_at=row.opened_at,
        create_count=held.opened_count,
        used_at=now,
    )
    let_go(held)


def discard(held: HeldTurn) -> None:
    """Forget a conversation that could not be opened."""
    let_go(held)
    held.conversation.delete()


def _count(request: TurnRequest, now: datetime) -> None:
    """Before an account is held: whoever waits for its row must not keep others from this counter."""
    if request.allowance is not None:
        request.allowance.begin(now)


def _begun(request: TurnRequest, row: Conversation, claim: str, now: datetime) -> HeldTurn:
    held = HeldTurn(request, row, claim, now, request.routes, sealed_before=row.sealed_credentials)
    age = (now - row.opened_at).total_seconds() if row.opened_at else 0.0
    if age > BACK_ENDS[row.back_end].conversation_seconds - AGE_MARGIN_SECONDS:
        held.lose_session()
    if held.session_route is None or not row.upstream_turn_count:
        held.routes = opening_routes(held.routes, request.prompt)
    _count(request, now)
    try_account(held, now)
    return held


# --- the end ---


def end_turn(held: HeldTurn, now: datetime) -> None:
    """Record the turn, free the conversation and the account: one transaction.

    A turn that was asked and did not come to its end leaves nobody knows what upstream: that conversation is not used
    again. When it was the caller's limit that ended it, the chat goes on in the same row, over another one.
    """
    if held.finished is None and held.has_asked:
        held.lose_session()
    with _writing():
        account = held.lease.account if held.lease else None
        capability = held.back_end.capability if account else ""
        let_go(held)
        outcome = held.record.outcome(held.request, held.finished, is_refused=held.is_refused)
        _insert_turn(held, outcome, account, now)
        held.conversation.release(held.claim, **_conversation_changes(held, outcome, now))
        if held.request.allowance is not None:
            held.request.allowance.end(is_counted=held.record.is_counted)
        if outcome.state in (TurnState.FINISHED, TurnState.CUT) and account is not None:
            accounts.mark_success(account.pk, capability, now)


def _insert_turn(held: HeldTurn, outcome: Outcome, account: Account | None, now: datetime) -> None:
    record, texts = held.record, settings.CHAT_STORE_TEXT
    turn = Turn(
        conversation=held.conversation,
        index=held.conversation.turn_count,
        state=outcome.state,
        account=account,
        prompt=held.request.prompt.question if texts else "",
        answer=outcome.answer if texts else "",
        sources=record.sources if texts else [],
        suggestions=record.suggestions if texts else [],
        received_characters=len(outcome.answer),
        sent_characters=len(held.request.prompt.question),
        dropped_turn_count=record.dropped,
        error_code=record.error.code if record.error else "",
        error_detail=(record.error.detail or record.error.message)[:2000] if record.error else "",
        request_id=held.request.request_id[:36],
        started_at=held.started_at,
        first_text_at=record.first_text_at,
        finished_at=now,
    )
    insert(turn)


def _conversation_changes(held: HeldTurn, outcome: Outcome, now: datetime) -> dict[str, Any]:
    row, request = held.conversation, held.request
    is_answered = outcome.state in ANSWERED
    changes: dict[str, Any] = {
        "account_id": row.account_id if row.sealed_credentials else None,
        "back_end": row.back_end,
        "opened_at": row.opened_at,
        "upstream_turn_count": row.upstream_turn_count,
        "create_count": row.create_count + held.opened_count,
        "used_at": now,
        "turn_count": row.turn_count + is_answered,
        "last_error": held.record.error.code if held.record.error else "",
    }
    if row.sealed_credentials != held.sealed_before:
        # Not otherwise: they may have been sealed anew since they were read.
        changes["sealed_credentials"] = row.sealed_credentials
    system = request.prompt.system if settings.CHAT_STORE_TEXT and is_answered and request.conversation else ""
    if system and (held.opened_count or not row.sealed_system):
        # Opened by name, it had none yet; and what a rebuilt end was told last is what the next one is told.
        changes["sealed_system"] = seal(system)
    if is_answered and request.conversation is None:
        said = request.prompt.after(outcome.told)
        changes["history_key"] = hash_history(request.holder, request.model.id, request.prompt.key_system, said)
    return changes
