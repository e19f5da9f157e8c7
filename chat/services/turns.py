"""One turn of a chat, from the caller's words to the last event: conversation, account, retries, and the record of it.

The dialect decides what a record means; here is decided what to do about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.leases import Renewer
from accounts.limits import Allowance
from accounts.models import Account
from bingproject.errors import (
    AccountError,
    AccountThrottledError,
    CookieExpiredError,
    InvalidRequestError,
    ServiceError,
    UnopenedError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from chat import client
from chat.models import Conversation, Origin
from chat.protocol.catalogue import ModelSpec
from chat.protocol.events import SHOWN, Dialect, Event, Finished, HistoryDropped, Prompt, Refused, ServedBy, TextDelta
from chat.protocol.failures import SessionEndedError
from chat.protocol.transcript import fit, styled
from chat.services import holds, records, rows
from chat.services.availability import has_account
from chat.services.backends import Asked
from chat.services.catalogue import routes_for
from chat.services.records import TurnRequest

OFFLINE = "offline"
SAME_AGAIN_SECONDS = 0.5
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 3600.0, 12 * 3600.0
renewer = Renewer()
Made = TypeVar("Made")


@dataclass(slots=True)
class _Tries:
    """What has been tried before the first text: each kind once, with each back end or account."""

    session: bool = False
    renewed: set[int] = field(default_factory=set)
    same: set[str] = field(default_factory=set)
    other: set[str] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)


async def stream_reply(request: TurnRequest) -> AsyncGenerator[Event, None]:
    """The events of one turn, the last of them `Finished`.

    Closing the generator closes the socket and lets go of the account; so does a failure.
    Raises: any ServiceError, before the first text after what can be tried again was, later at once.
    """
    request = replace(request, routes=routes_for(request.model, request.prompt))
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
    request = TurnRequest(holder, model, Prompt("", (), ""), origin, routes=routes_for(model))
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
    """A turn under way. However often it is tried, over whichever account: it ends before its claim does."""

    def __init__(self, request: TurnRequest, held: records.HeldTurn) -> None:
        self._request = request
        self._held = held
        self._tries = _Tries()
        self._end = asyncio.get_running_loop().time() + settings.CHAT_TURN_SECONDS
        self._has_text = False
        if held.lease is not None:
            renewer.hold(held.lease.pk)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Attempts until one has shown something or nothing is left to try."""
        while True:
            try:
                await self._take_account()
                address, reply = await self._in_time(self._prepare())
                yield self._served_by()
                if self._held.record.dropped:
                    yield HistoryDropped(self._held.record.dropped)
                self._held.record.is_asked = True
                async with aclosing(client.stream(address, reply, self._timers())) as events:
                    async for event in events:
                        self._note(event)
                        yield event
                return
            except (ServiceError, client.UpgradeRefusedError) as failure:
                error = self._meaning(failure)
                if self._has_text or not await self._recover(error):
                    if self._has_text and isinstance(error, AccountError):
                        await self._settle(error)
                    self._held.record.fail(error)
                    if error is failure:
                        raise
                    raise error from failure

    async def open(self) -> Conversation:
        """The upstream conversation alone, for turns to come."""
        while True:
            try:
                await self._take_account()
                await self._in_time(self._session(self._held.account))
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
            renewer.hold((await holds.lease_account(self._held, self._tries.excluded, self._end)).pk)

    @property
    def _is_over(self) -> bool:
        """Whether the time of the whole turn is up."""
        return asyncio.get_running_loop().time() >= self._end

    def _timers(self) -> client.Timers:
        """Those of the back end, within what is left of the turn."""
        return replace(self._held.back_end.timers(), turn=max(self._end - asyncio.get_running_loop().time(), 0.0))

    async def _in_time(self, work: Coroutine[Any, Any, Made]) -> Made:
        """What comes before the socket; given up when the turn's time is up. Raises: UpstreamTimeoutError then."""
        limit = asyncio.timeout_at(self._end)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._held.back_end.voice.fail("timeout", "the turn's time was up before it was asked") from None

    async def _prepare(self) -> tuple[client.Address, Dialect]:
        """What one attempt needs: where its socket leads, and what is said over it."""
        account, back_end, route = self._held.account, self._held.back_end, self._held.route
        assert route is not None  # it is held together with the account
        self._held.reply = None
        prompt, self._held.record.dropped = await self._prompt(route.style_line)
        credentials = await self._session(account)
        attachments = await back_end.upload(account, prompt, credentials)
        asked = Asked(
            self._request.model,
            route,
            prompt,
            credentials,
            self._held.conversation.upstream_turn_count,
            attachments,
            is_thinking=self._request.is_thinking,
            wants_suggestions=self._request.wants_suggestions,
        )
        self._held.reply = reply = back_end.reply(asked)
        return await back_end.address(account, credentials), reply

    async def _session(self, account: Account) -> dict[str, str]:
        """The conversation's upstream end, opened as this account if there is none."""
        if self._held.has_session:
            return self._held.conversation.credentials
        credentials = await self._held.back_end.open_session(account)
        self._held.opened(credentials)
        return credentials

    async def _prompt(self, style_line: str) -> tuple[Prompt, int]:
        """What goes upstream: the newest words, or on a new upstream conversation all that was said."""
        prompt, back_end = self._request.prompt, self._held.back_end
        is_continued = self._held.has_session and self._held.conversation.upstream_turn_count > 0
        if self._request.conversation is not None and not is_continued:
            prompt = await sync_to_async(records.with_stored_history)(self._held.conversation, prompt)
        prompt = styled(prompt, style_line)
        fitted = fit(prompt, back_end.limit_characters, replays=not is_continued, prepends=back_end.is_one_text)
        return fitted.prompt, fitted.dropped

    def _served_by(self) -> ServedBy:
        """Who answers, and what of the wishes they cannot meet."""
        back_end = self._held.back_end
        is_unmet = not self._request.model.has_search and not back_end.can_stay_offline
        return ServedBy(back_end.shown, (OFFLINE,) if is_unmet else (), back_end.voice.name)

    def _meaning(self, failure: ServiceError | client.UpgradeRefusedError) -> ServiceError:
        """What a failed attempt says of account and server."""
        if isinstance(failure, ServiceError):
            return failure
        return self._held.back_end.refusal(failure.status, failure.headers, failure.body)

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
        """Make ready for another attempt, if this failure leaves one; the caller notices nothing.

        The upstream conversation is given up when something was asked over it, or when it is what has ended.
        """
        tries, held = self._tries, self._held
        if held.lease is None:
            return False  # nobody was asked: what there is upstream is as it was
        if held.has_asked or (held.has_session and isinstance(error, SessionEndedError)):
            held.lose_session()
        back_end = held.back_end
        if isinstance(error, InvalidRequestError):
            is_too_long = error.code == "context_length_exceeded" and not held.has_asked
            return is_too_long and await self._pass_over(back_end.name)
        if isinstance(error, CookieExpiredError) and await self._renew(error):
            return True
        if isinstance(error, AccountError):
            await self._settle(error)
            return await self._change_account()
        if self._is_over:
            return False
        if isinstance(error, SessionEndedError):
            can, tries.session = not tries.session, True
            return can
        is_heard = held.reply is not None and held.reply.progress > 0
        if back_end.name not in tries.same and back_end.may_repeat(error, is_heard=is_heard):
            tries.same.add(back_end.name)
            await self._repeat(error)
            return True
        return isinstance(error, UpstreamError) and await self._give_over(back_end.name)

    async def _renew(self, error: CookieExpiredError) -> bool:
        """Whether the account has other credentials now than those that were refused; tried once, and in time. Where
        there was nothing to refuse, its token command has failed just now, or there is none.
        """
        account = self._held.account
        if isinstance(error, accounts.NoTokenError | UnopenedError) or account.pk in self._tries.renewed:
            return False
        self._tries.renewed.add(account.pk)
        try:
            return await self._in_time(self._held.back_end.renew(account))
        except UpstreamTimeoutError:
            return False

    async def _repeat(self, error: ServiceError) -> None:
        """Ask the same account once more. Whoever was reached and refused may have meant the upstream conversation, so
        that is over another one, if there may be one.
        """
        if not isinstance(error, UpstreamUnavailableError) and not await sync_to_async(self._held.is_bound)():
            self._held.is_left = True
        await asyncio.sleep(SAME_AGAIN_SECONDS)

    async def _give_over(self, name: str) -> bool:
        """Another account of this back end, once; then those of the others."""
        if name in self._tries.other:
            return await self._pass_over(name)
        self._tries.other.add(name)
        return await self._change_account()

    async def _pass_over(self, name: str) -> bool:
        """Those of the other back ends."""
        self._held.routes = tuple(route for route in self._held.routes if route.back_end != name)
        return await self._change_account()

    async def _change_account(self) -> bool:
        """Let go of this account for another one; False when there is none."""
        self._tries.excluded.add(self._held.account.pk)
        names = [route.back_end for route in self._held.routes]
        if self._is_over or not await sync_to_async(_can_change)(self._held, names, self._tries.excluded):
            return False
        await self._let_go()
        return True

    async def _settle(self, error: AccountError) -> None:
        account, capability = self._held.account, self._held.back_end.capability
        if isinstance(error, AccountThrottledError) and error.retry_after is None:
            error.retry_after = await sync_to_async(_rest_seconds)(account, capability)
        await sync_to_async(accounts.settle)(account, capability, error, timezone.now())

    async def _let_go(self) -> None:
        self._renew_no_more()
        await sync_to_async(holds.let_go)(self._held)

    def _renew_no_more(self) -> None:
        if self._held.lease is not None:
            renewer.release(self._held.lease.pk)

    async def end(self) -> None:
        """Write down what came of it; account and conversation are free again."""
        self._renew_no_more()
        await sync_to_async(rows.end_turn)(self._held, timezone.now())


def _can_change(held: records.HeldTurn, back_ends: list[str], excluded: set[int]) -> bool:
    return any(has_account(name, excluded) for name in back_ends) and not held.is_bound()


def _rest_seconds(account: Account, capability: str) -> float:
    """An hour, doubled each time up to twelve; a success in between starts over."""
    count = account.capabilities.values_list("cooldown_count", flat=True).get(capability=capability)
    return float(min(FIRST_REST_SECONDS * 2 ** min(count, 10), LONGEST_REST_SECONDS))
