"""Accounts for turns: waited for in line, at their pace, and the next back end where one has none."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState, Lease
from bingproject.errors import ServiceError
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation
from chat.protocol.events import Message
from chat.services.wait_queue import QUEUE
from tests.chat.turns import answer_of, ask, ask_async, play, said, turns
from tests.factories import make_account, make_token_account, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["copilot", "m365"])
def test_turns_of_one_account_come_one_after_the_other(hub: SandboxServer, settings: Settings, kind: str) -> None:
    """In the order in which they were asked; none is refused, and the service never sees two at once."""
    settings.CHAT_FIRST_RECORD_SECONDS = 20.0
    account = make_token_account(kind)
    set_capability(account, kind, per_minute=None)
    ended: list[int] = []

    async def one(number: int) -> None:
        await asyncio.sleep(number / 20)
        await ask_async(f"number {number} sandbox:delay=0.2", model=kind)
        ended.append(number)

    async def run() -> None:
        await asyncio.gather(*map(one, range(6)))

    asyncio.run(run())
    chat = hub.state.chats[kind]
    assert ended == list(range(6))
    assert [turn.text[:8] for turn in chat.turns] == [f"number {number}" for number in range(6)]
    assert chat.max_in_flight == {account.name: 1}  # with up to four the service objects to nothing
    assert hub.state.counts.violations == 0
    assert not Lease.objects.exists()
    assert QUEUE.ahead_of(kind) == []


def test_who_waits_for_another_account_holds_up_nobody(hub: SandboxServer, settings: Settings) -> None:
    """An answer broke off over one account, and the other one is busy: the first is there for whoever comes."""
    settings.CHAT_FIRST_RECORD_SECONDS = 10.0
    idle, busy = make_token_account("copilot", "idle"), make_token_account("copilot", "busy")
    for account in (idle, busy):
        set_capability(account, "copilot", per_minute=None)
    until = timezone.now() + timedelta(minutes=1)
    lease = Lease.objects.create(account=busy, capability="copilot", holder="somebody", until=until)
    play(hub, "cut-before", account="idle", next=1)

    async def run() -> None:
        waiting = asyncio.create_task(ask_async("first", model="copilot"))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if QUEUE.ahead_of("copilot"):
                break
        async with asyncio.timeout(5):
            assert "second" in answer_of(await ask_async("second", model="copilot"))
        assert not waiting.done()
        await lease.adelete()
        assert "first" in answer_of(await waiting)

    asyncio.run(run())
    assert [turn["account"] for turn in turns(hub)] == ["idle", "idle", "busy"]


def test_who_would_wait_too_long_for_the_pace_is_told_at_once(hub: SandboxServer, settings: Settings) -> None:
    """429 with the time to come again; nothing is sent."""
    settings.CHAT_FIRST_RECORD_SECONDS = 5.0
    account = make_token_account("copilot")
    set_capability(account, "copilot", paced_until=timezone.now() + timedelta(seconds=40))
    with pytest.raises(ServiceError) as failure:
        ask("hello", model="copilot")
    assert failure.value.code == "too_many_running"
    assert 38 < (failure.value.retry_after or 0) <= 40
    assert not hub.state.chats["copilot"].turns
    set_capability(account, "copilot", paced_until=timezone.now() + timedelta(seconds=1))
    assert "hello" in answer_of(ask("hello", model="copilot"))


def test_who_must_wait_too_long_for_their_own_account_is_told_at_once(hub: SandboxServer, settings: Settings) -> None:
    """Though another one is free: the chat lives where it is."""
    settings.CHAT_FIRST_RECORD_SECONDS = 10.0
    account = make_token_account("copilot")
    history = said(("hello", answer_of(ask("hello", model="copilot"))))
    make_token_account("copilot")
    set_capability(account, "copilot", paced_until=timezone.now() + timedelta(seconds=40))
    begun = time.monotonic()
    with pytest.raises(ServiceError) as failure:
        ask("again", history, model="copilot")
    assert time.monotonic() - begun < 5
    assert failure.value.code == "too_many_running"
    assert 30 < (failure.value.retry_after or 0) <= 40


def test_a_burst_and_then_the_pace(hub: SandboxServer, settings: Settings) -> None:
    """Four in a row go; the fifth would come five seconds later, and a caller with less patience is told so."""
    settings.CHAT_FIRST_RECORD_SECONDS = 1.0
    make_token_account("copilot")
    for number in range(4):
        ask(f"number {number}", model="copilot")
    with pytest.raises(ServiceError) as failure:
        ask("number 4", model="copilot")
    assert failure.value.code == "too_many_running"
    assert 0 < (failure.value.retry_after or 0) <= 5


@pytest.mark.parametrize("history", [(), said(("hello", "hi"))], ids=["new", "unknown"])
def test_what_is_too_long_to_begin_with_waits_for_no_account(hub: SandboxServer, history: list[Message]) -> None:
    """400 without one, too, and nothing of its pace is spent."""

    def refused() -> str:
        with pytest.raises(ServiceError) as failure:
            ask("x" * 6000, history, "s" * 6000, model="copilot")
        return failure.value.code

    assert refused() == "context_length_exceeded"
    account = make_token_account("copilot")
    assert refused() == "context_length_exceeded"
    assert account.capabilities.get(capability="copilot").paced_until is None
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("history", [(), said(("hello", "hi"))], ids=["new", "unknown"])
def test_what_is_too_long_for_one_goes_to_the_next(
    hub: SandboxServer, settings: Settings, history: list[Message]
) -> None:
    """The order of the back ends is the operator's, as far as they can serve."""
    settings.CHAT_ROUTES = {"*": ("copilot", "m365")}
    make_token_account("copilot")
    make_token_account("m365")
    ask("x" * 6000, history, "s" * 6000)
    assert (len(hub.state.chats["copilot"].turns), len(hub.state.chats["m365"].turns)) == (0, 1)
    assert Conversation.objects.get().create_count == 1


def test_what_is_too_long_to_tell_again_goes_to_the_next(hub: SandboxServer, settings: Settings) -> None:
    """Its own back end would have taken the question alone; of the others the first that can take all of it does."""
    settings.CHAT_ROUTES = {"*": ("m365", "copilot", "bing")}
    office = make_token_account("m365")
    system = "s" * 6000
    history = said(("hello", answer_of(ask("hello", system=system))))
    office.mark(AccountState.EXPIRED, "", timezone.now())
    make_token_account("copilot")
    with pytest.raises(ServiceError) as failure:
        ask("x" * 6000, history, system)
    assert failure.value.code == "context_length_exceeded"
    make_account()
    ask("x" * 6000, history, system)
    assert hub.state.chats["chat"].turns[0].system is not None
    assert not hub.state.chats["copilot"].turns
    assert not Lease.objects.exists()


def test_a_conversation_stays_with_its_back_end_and_moves_when_that_is_gone(hub: SandboxServer) -> None:
    """A better one that comes back is not gone over to; a lost one's history is replayed elsewhere."""
    office = make_token_account("m365")
    history = said(("hello", answer_of(ask("hello"))))
    assert Conversation.objects.get().back_end == "m365"
    make_account()
    history += said(("again", answer_of(ask("again", history))))
    assert len(hub.state.chats["m365"].turns) == 2
    office.mark(AccountState.EXPIRED, "", timezone.now())
    ask("once more", history)
    assert Conversation.objects.get().back_end == "bing"
    assert "hello" in str(hub.state.chats["chat"].turns[0].system)


def test_a_back_end_that_is_taken_off_is_left(hub: SandboxServer, settings: Settings) -> None:
    """CHAT_ROUTES changed: the conversation goes on over what may stand in now."""
    settings.CHAT_ROUTES = {}
    make_token_account("m365")
    history = said(("hello", answer_of(ask("hello"))))
    settings.CHAT_ROUTES = {"*": ("copilot",)}
    make_token_account("copilot")
    ask("again", history)
    assert Conversation.objects.get().back_end == "copilot"
    assert "hello" in hub.state.chats["copilot"].turns[0].text
