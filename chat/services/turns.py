"""One turn of a chat, from the caller's words to the last event: conversation, account, retries, and the record of it.

The dialect decides what a record means; here is decided what to do about it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts import services as accounts
from accounts.leases import Renewer
from accounts.limits import Allowance
from accounts.models import Account, Capability
from bingproject.errors import (
    AccountError,
    AccountThrottledError,
    InvalidRequestError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from chat import client
from chat.models import Conversation, Origin
from chat.protocol import sydney
from chat.protocol.catalogue import LIMIT_CHARACTERS, ModelSpec
from chat.protocol.events import SHOWN, Event, Finished, HistoryDropped, Prompt, Refused, TextDelta
from chat.protocol.failures import SessionEndedError
from chat.protocol.sydney import Credentials
from chat.protocol.transcript import check_newest, fit
from chat.services import records, rows, sessions
from chat.services.availability import has_other_account
from chat.services.records import TurnRequest

LIMIT = LIMIT_CHARACTERS["sydney"]
SAME_AGAIN_SECONDS = 0.5
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 3600.0, 12 * 3600.0
renewer = Renewer()


@dataclass(slots=True)
class _Tries:
    """What has been tried before the first text; each kind once."""

    session: bool = False
    same: bool = False
    other: bool = False
    excluded: set[int] = field(default_factory=set)


async def stream_reply(request: TurnRequest) -> AsyncGenerator[Event, None]:
    """The events of one turn, the last of them `Finished`.

    Closing the generator closes the socket and lets go of the account; so does a failure.
    Raises: any ServiceError, before the first text after what can be tried again was, later at once.
    """
    check_newest(request.prompt, LIMIT)
    sydney.check_images(request.prompt)
    turn = _Turn(request, await rows.begin_turn(request))
    try:
        async with aclosing(turn.events()) as events:
            async for event in events:
                yield event
    finally:
        await rows.to_the_end(turn.end())


async def start_conversation(
    holder: str, model: ModelSpec, origin: Origin, user_id: str = "", allowance: Allowance | None = None
) -> Conversation:
    """Open an upstream conversation and keep it for the caller's first turn, for which there must be room.

    Raises: RateLimitError (`quota_exceeded`); any ServiceError of opening one, after what can be tried again was;
    nothing is kept then.
    """
    if allowance is not None:
        await sync_to_async(allowance.check)(timezone.now())
    request = TurnRequest(holder, model, Prompt("", (), ""), origin)
    turn = _Turn(request, await rows.claim(partial(rows.claim_new, request, user_id=user_id)))
    is_open = False
    try:
        row = await turn.open()
        is_open = True
    finally:
        await rows.to_the_end(turn.leave(is_open=is_open))
    return row


async def leave_spare(allowance: Allowance | None) -> None:
    """Give back what a request of several turns counted and did not begin."""
    if allowance is not None and allowance.spare:
        await rows.to_the_end(sync_to_async(allowance.give_back_spare)())


class _Turn:
    """A turn under way."""

    def __init__(self, request: TurnRequest, held: rows.HeldTurn) -> None:
        self._request = request
        self._held = held
        self._tries = _Tries()
        self._has_text = False
        if held.lease is not None:
            renewer.hold(held.lease.pk)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Attempts until one has shown something or nothing is left to try."""
        while True:
            try:
                await self._take_account()
                address, reply = await self._prepare()
                if self._held.record.dropped:
                    yield HistoryDropped(self._held.record.dropped)
                self._held.sent_turn = self._held.record.is_asked = True
                async with aclosing(client.stream(address, reply, sessions.timers())) as events:
                    async for event in events:
                        self._note(event)
                        yield event
                return
            except (ServiceError, client.UpgradeRefusedError) as failure:
                error = _meaning(failure)
                if self._has_text or not await self._recover(error):
                    self._held.record.fail(error)
                    if error is failure:
                        raise
                    raise error from failure

    async def open(self) -> Conversation:
        """The upstream conversation alone, for turns to come."""
        while True:
            try:
                await self._take_account()
                await self._session(self._held.account)
                return self._held.conversation
            except ServiceError as error:
                if not await self._recover(error):
                    raise

    async def leave(self, *, is_open: bool) -> None:
        """Let go of a conversation that was opened; forget one that could not be."""
        self._renew_no_more()
        if is_open:
            await sync_to_async(rows.keep_open)(self._held, timezone.now())
        else:
            await sync_to_async(rows.discard)(self._held)

    async def _take_account(self) -> None:
        if self._held.lease is None:
            renewer.hold((await rows.lease_account(self._held, self._tries.excluded)).pk)

    async def _prepare(self) -> tuple[client.Address, sydney.Reply]:
        """What one attempt needs: where its socket leads, and what is said over it."""
        account, conversation = self._held.account, self._held.conversation
        credentials = await self._session(account)
        prompt, self._held.record.dropped = await self._prompt()
        image = await sessions.upload_image(account, prompt, credentials)
        reply = sydney.Reply(
            credentials,
            prompt,
            self._request.model,
            turn=conversation.upstream_turn_count,
            request_id=str(uuid.uuid4()),
            trace_id=uuid.uuid4().hex,
            image=image,
        )
        return sessions.socket_address(account, credentials), reply

    async def _session(self, account: Account) -> Credentials:
        """The conversation's upstream end, opened as this account if there is none."""
        if self._held.has_session:
            return sessions.unpack(self._held.conversation.credentials)
        credentials = await sessions.open_session(account)
        self._held.opened(sessions.pack(credentials))
        return credentials

    async def _prompt(self) -> tuple[Prompt, int]:
        """What goes to Bing: the newest words, or on a new upstream conversation all that was said."""
        prompt = self._request.prompt
        is_continued = self._held.conversation.upstream_turn_count > 0
        if self._request.conversation is not None and not is_continued:
            prompt = await sync_to_async(records.with_stored_history)(self._held.conversation, prompt)
        fitted = fit(prompt, LIMIT, replays=not is_continued)
        return fitted.prompt, fitted.dropped

    def _note(self, event: Event) -> None:
        if self._has_text and isinstance(event, TextDelta):
            return  # nearly all of them, and the record has what it needs
        self._has_text = self._has_text or isinstance(event, SHOWN)
        self._held.record.add(event, timezone.now())
        if isinstance(event, Finished):
            self._held.finish(event)
        elif isinstance(event, Refused):
            self._held.is_refused = True

    async def _recover(self, error: ServiceError) -> bool:
        """Make ready for another attempt, if this failure leaves one; the caller notices nothing."""
        tries = self._tries
        self._held.lose_session()
        if isinstance(error, InvalidRequestError) or self._held.lease is None:
            return False
        if isinstance(error, AccountError):
            await self._settle(error)
            return await self._change_account()
        if isinstance(error, SessionEndedError):
            can, tries.session = not tries.session, True
            return can
        if _is_worth_the_same(error) and not tries.same:
            tries.same = True
            await asyncio.sleep(SAME_AGAIN_SECONDS)
            return True
        if isinstance(error, UpstreamError) and not tries.other:
            tries.other = True
            return await self._change_account()
        return False

    async def _change_account(self) -> bool:
        """Let go of this account for another one; False when there is none."""
        self._tries.excluded.add(self._held.account.pk)
        if not await sync_to_async(has_other_account)(self._tries.excluded):
            return False
        await self._let_go()
        return True

    async def _settle(self, error: AccountError) -> None:
        account = self._held.account
        if isinstance(error, AccountThrottledError) and error.retry_after is None:
            error.retry_after = await sync_to_async(_rest_seconds)(account)
        await sync_to_async(accounts.settle)(account, Capability.CHAT, error, timezone.now())

    async def _let_go(self) -> None:
        self._renew_no_more()
        await sync_to_async(rows.let_go)(self._held)

    def _renew_no_more(self) -> None:
        if self._held.lease is not None:
            renewer.release(self._held.lease.pk)

    async def end(self) -> None:
        """Write down what came of it; account and conversation are free again."""
        self._renew_no_more()
        await sync_to_async(rows.end_turn)(self._held, timezone.now())


def _meaning(failure: ServiceError | client.UpgradeRefusedError) -> ServiceError:
    """What a failed attempt says of account and server."""
    if isinstance(failure, ServiceError):
        return failure
    return sydney.parse_upgrade_refusal(failure.status, failure.headers)


def _is_worth_the_same(error: ServiceError) -> bool:
    """Failures that a second try with the same account may not meet again."""
    if isinstance(error, UpstreamTimeoutError) or error.code == "upstream_overloaded":
        return False
    return isinstance(error, UnexpectedResponseError | UpstreamRefusedError | UpstreamUnavailableError)


def _rest_seconds(account: Account) -> float:
    """An hour, doubled each time up to twelve; a success in between starts over."""
    count = account.capabilities.values_list("cooldown_count", flat=True).get(capability=Capability.CHAT)
    return float(min(FIRST_REST_SECONDS * 2 ** min(count, 10), LONGEST_REST_SECONDS))
