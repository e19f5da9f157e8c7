"""What a failed attempt changes: the account's row, the lease, and what may be tried next."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.microsoft.services import NoTokenError
from accounts.models import AccountState, Lease
from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    CookieExpiredError,
    DecryptionError,
    ServiceError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from bingproject.sandbox.server import SandboxServer
from chat.protocol.catalogue import find_model
from chat.protocol.events import Prompt, TextDelta
from chat.services import turn_store
from chat.services.account_allocation import ensure_account
from chat.services.catalogue import routes_for
from chat.services.turn_clock import TurnClock
from chat.services.turn_recovery import describe, recover
from chat.services.turn_state import ActiveTurn, TurnRequest
from tests.factories import make_account, make_token_account

pytestmark = pytest.mark.django_db(transaction=True)


async def _begin() -> ActiveTurn:
    spec, prompt = find_model("balanced"), Prompt("", (), "hello")
    return await turn_store.begin_turn(TurnRequest("open", spec, prompt, routes=routes_for(spec, prompt)))


def _recover(*errors: ServiceError, is_shown: bool = False) -> tuple[ActiveTurn, list[bool]]:
    """A turn after these failures, one after the other, and whether each left another attempt."""

    async def run() -> tuple[ActiveTurn, list[bool]]:
        turn, clock, results = await _begin(), TurnClock(), []
        if is_shown:
            turn.add(TextDelta("a word"), timezone.now())
        for error in errors:
            results.append(await recover(turn, clock, error))
            if results[-1]:
                await ensure_account(turn, clock.end)
        await sync_to_async(turn_store.discard)(turn)
        return turn, results

    return asyncio.run(run())


def test_an_account_that_failed_is_marked_and_another_one_leased(hub: SandboxServer) -> None:
    """One lease at a time, none in the end; with no account left the turn ends."""
    accounts = [make_account("anna"), make_account("bert")]
    turn, results = _recover(AccountBlockedError(), AccountBlockedError())
    assert results == [True, False]
    assert turn.used.excluded == {account.pk for account in accounts}
    for account in accounts:
        account.refresh_from_db()
        assert account.state == AccountState.BLOCKED
    assert not Lease.objects.exists()


def test_after_the_first_word_the_account_is_marked_and_kept(hub: SandboxServer) -> None:
    """Nobody else is asked."""
    account = make_account()
    make_account("bert")
    assert _recover(AccountBlockedError(), is_shown=True)[1] == [False]
    account.refresh_from_db()
    assert account.state == AccountState.BLOCKED


def test_a_passing_failure_is_met_by_a_retry_an_account_and_a_back_end(hub: SandboxServer) -> None:
    """Each once; then the turn ends."""
    make_account("anna")
    make_account("bert")
    make_token_account("m365")
    failures = [UpstreamUnavailableError() for _ in range(5)]
    turn, results = _recover(*failures)
    assert results == [True, True, True, True, False]
    assert turn.used.retried == {"bing", "m365"}
    assert [route.back_end for route in turn.routes if route.back_end == "bing"] == []


def test_without_another_back_end_the_routes_stay(hub: SandboxServer) -> None:
    """A step that turns out to be impossible changes nothing."""
    make_account()

    async def run() -> None:
        turn, clock = await _begin(), TurnClock()
        routes = turn.routes
        clock.budget.spend("create", 20.0)
        assert await recover(turn, clock, UpstreamUnavailableError())
        assert (turn.routes, turn.used.excluded, turn.used.retried) == (routes, set(), {"bing"})
        await sync_to_async(turn_store.discard)(turn)

    asyncio.run(run())


def test_a_cooldown_without_a_time_doubles(hub: SandboxServer) -> None:
    """An hour at first, twelve at most; the caller is told the same time."""
    account = make_account()
    row = account.capabilities.get(capability="chat")
    for count, hours in ((0, 1), (1, 2), (9, 12)):
        row.cooldown_count, row.cooldown_until = count, None
        row.save()
        error = AccountThrottledError()
        _recover(error)
        assert error.retry_after == hours * 3600


@pytest.mark.parametrize(
    ("error", "may_renew"),
    [(CookieExpiredError(), True), (NoTokenError(), False), (DecryptionError(), False)],
    ids=["refused", "no-token", "not-decrypted"],
)
def test_only_refused_credentials_are_renewed(hub: SandboxServer, error: ServiceError, may_renew: bool) -> None:
    """Once for each account."""
    make_account()

    async def run() -> None:
        turn, clock = await _begin(), TurnClock()
        assert describe(turn, clock, error).may_renew is may_renew
        turn.used.renewed.add(turn.account.pk)
        assert not describe(turn, clock, error).may_renew
        await sync_to_async(turn_store.discard)(turn)

    asyncio.run(run())


def test_without_a_lease_there_is_nothing_to_recover(hub: SandboxServer) -> None:
    """The error is the server's own answer."""

    async def run() -> None:
        turn = await _begin()
        assert not await recover(turn, TurnClock(), UpstreamTimeoutError())
        await sync_to_async(turn_store.discard)(turn)

    asyncio.run(run())
