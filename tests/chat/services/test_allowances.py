"""Turns and a user's day: counted with the claim, given back when Bing never took the question up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.utils import timezone

from accounts.callers import limits
from accounts.callers.limits import Allowance
from accounts.models import Account, Capability, UsageCounter, WhitelistedUser
from bingproject.errors import RateLimitError, ServiceError
from bingproject.sandbox.server import SandboxServer
from chat import services
from chat.models import Conversation, Origin, Turn
from chat.protocol.catalogue import find_model
from tests.chat.turns import answer_of, ask, ask_async, make_conversation, play, said, seen, turns
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anna(hub: SandboxServer) -> WhitelistedUser:
    """A user with two turns a day, and an account to serve them."""
    make_account()
    return make_user("anna", daily_chats=2)


def of(user: WhitelistedUser, number: int = 1) -> Allowance:
    """What a request of this user may take."""
    return Allowance(user, Capability.CHAT, number)


def counted() -> int:
    """How much stands against anybody's day."""
    return sum(UsageCounter.objects.values_list("count", flat=True))


def test_each_turn_counts_and_the_third_is_refused(hub: SandboxServer, anna: WhitelistedUser) -> None:
    """New, continued or named: without a word to Bing, and without a trace."""
    history = said(("hello", answer_of(ask("hello", allowance=of(anna)))))
    ask("again", history, allowance=of(anna))
    named = make_conversation()
    for asked in ({"history": history}, {}, {"conversation": named}):
        with pytest.raises(RateLimitError) as refusal:
            ask("more", allowance=of(anna), **asked)
        assert refusal.value.code == "quota_exceeded"
    assert (len(turns(hub)), Turn.objects.count(), Conversation.objects.count(), counted()) == (2, 2, 2, 2)
    assert not Conversation.objects.exclude(claim="").exists()
    ask("nobody's")
    assert counted() == 2


def test_what_cannot_be_asked_costs_nothing(hub: SandboxServer, anna: WhitelistedUser) -> None:
    """Too long a message is refused before anything is counted; no account is found out after, and given back."""
    with pytest.raises(ServiceError):
        ask("x" * 40_000, allowance=of(anna))
    assert not UsageCounter.objects.exists()
    Account.objects.all().delete()
    with pytest.raises(ServiceError):
        ask("hello", allowance=of(anna))
    assert (UsageCounter.objects.count(), counted()) == (1, 0)


@pytest.mark.parametrize(
    ("scenario", "is_counted"),
    [
        ("create-403", False),  # no conversation was opened
        ("socket-cut", False),  # no socket
        ("silent", False),  # not a word
        ("captcha", False),  # Bing wants a human first
        ("cut-before", True),  # no text yet, but Bing had counted the turn itself
        ("cut-after", True),  # some of the answer came
        ("silent-after", True),
    ],
)
def test_a_failure_counts_when_bing_had_taken_it_up(
    hub: SandboxServer, anna: WhitelistedUser, settings: Any, scenario: str, is_counted: bool
) -> None:
    """However often it was tried."""
    settings.CHAT_FIRST_RECORD_SECONDS = settings.CHAT_GAP_SECONDS = 0.5
    settings.UPSTREAM_TIMEOUT_SECONDS = 2.0
    play(hub, scenario)
    with pytest.raises(ServiceError):
        ask("hello", allowance=of(anna))
    assert counted() == int(is_counted)


def test_an_answer_that_bing_declines_counts(hub: SandboxServer, anna: WhitelistedUser) -> None:
    """It is an answer, and a turn of the account's."""
    ask("hello sandbox:disengaged", allowance=of(anna))
    assert counted() == 1


@pytest.mark.parametrize("step", range(0, 160, 16))
def test_a_caller_who_leaves_pays_once_the_question_is_out(
    hub: SandboxServer, anna: WhitelistedUser, step: int
) -> None:
    """While it claims, takes an account or opens: given back. Once Bing has the turn: counted."""

    async def leave() -> None:
        turn = asyncio.create_task(ask_async("hello sandbox:gap=0.01", allowance=of(anna)))
        await asyncio.sleep(step / 1000)
        turn.cancel()
        await asyncio.wait({turn})

    asyncio.run(leave())
    has_conversation = Conversation.objects.filter(create_count__gt=0).exists()
    assert len(turns(hub)) <= counted() <= int(has_conversation)


def test_several_turns_are_counted_together(hub: SandboxServer, anna: WhitelistedUser) -> None:
    """A request of three is refused as a whole; what one of two does not need goes back."""
    with pytest.raises(RateLimitError):
        ask("hello", allowance=of(anna, 3))
    assert turns(hub) == []
    allowance = of(anna, 2)
    ask("hello", allowance=allowance)
    assert counted() == 2
    asyncio.run(services.leave_spare(allowance))
    asyncio.run(services.leave_spare(None))
    assert counted() == 1


def test_a_conversation_is_opened_only_with_a_turn_to_spare(hub: SandboxServer, anna: WhitelistedUser) -> None:
    """Opening takes none; with none left it costs Bing nothing."""

    def start() -> Conversation:
        model = find_model("balanced")
        return asyncio.run(services.start_conversation("open", model, Origin.CREATED, allowance=of(anna)))

    start()
    assert counted() == 0
    limits.take_quota(anna, Capability.CHAT, 2, timezone.now())
    with pytest.raises(RateLimitError):
        start()
    assert (seen(hub)["creates"], Conversation.objects.count()) == (1, 1)
