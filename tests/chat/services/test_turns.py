"""Turns over a real socket: reuse, replay, retries before the first text, the end of each in rows and leases."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountCapability, AccountState, Lease
from bingproject.errors import ServiceError
from bingproject.sandbox.server import SandboxServer
from chat import services
from chat.models import Conversation, Turn, TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import (
    Citations,
    Finished,
    HistoryDropped,
    Message,
    Prompt,
    Refused,
    Searching,
    TextDelta,
)
from tests.chat.turns import answer_of, ask, ask_async, play, said, seen, turns
from tests.factories import make_account, make_undecryptable, set_capability
from tests.rig.servers import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def _at_rest() -> bool:
    """Whether nothing is held any more."""
    return not Lease.objects.exists() and not Conversation.objects.exclude(claim="").exists()


def test_ten_turns_of_a_chat_cost_one_create_and_their_own_words(hub: SandboxServer) -> None:
    """Each turn sends only what is new, over the same upstream conversation and account."""
    make_account()
    history: list[Message] = []
    for number in range(10):
        words = f"question {number}"
        history += said((words, answer_of(ask(words, history, "Be brief."))))
    counted = seen(hub)
    assert counted["creates"] == 1
    assert [turn["text"] for turn in turns(hub)] == [f"question {number}" for number in range(10)]
    assert [turn["system"] for turn in turns(hub)] == ["Be brief."] + [None] * 9
    row = Conversation.objects.get()
    assert (row.turn_count, row.upstream_turn_count, row.create_count) == (10, 10, 1)
    assert _at_rest()


def test_a_chat_is_recognised_however_the_client_wraps_it(hub: SandboxServer) -> None:
    """White space around texts is no difference; another model, system prompt or caller is."""
    make_account()
    answer = answer_of(ask("hello", system="Be kind."))
    ask("again", said(("  hello\n", f"\n{answer} ")), " Be kind. ")
    assert seen(hub)["creates"] == 1
    history = said(("hello", answer))
    ask("x", history, "Be rude.")
    ask("x", history, "Be kind.", "precise")
    ask("x", history, "Be kind.", caller_id="user:b")
    assert seen(hub)["creates"] == 4


def test_two_callers_of_one_history_never_share_a_conversation(hub: SandboxServer) -> None:
    """The second gets its own, with the history replayed."""
    make_account()
    history = said(("hello", answer_of(ask("hello"))))

    async def both() -> None:
        await asyncio.gather(ask_async("a sandbox:delay=1", history), ask_async("b sandbox:delay=1", history))

    asyncio.run(both())
    assert seen(hub)["creates"] == 2
    assert Conversation.objects.count() == 2


@pytest.mark.parametrize("scenario", ["invalid-session", "token-expired", "turn-limit"])
def test_a_conversation_that_died_is_rebuilt_unseen(hub: SandboxServer, scenario: str) -> None:
    """Another upstream conversation is opened, the history replayed, and the caller notices nothing."""
    make_account()
    history = said(("hello", answer_of(ask("hello", system="Be kind."))))
    play(hub, scenario, next=1)
    events = ask("again sandbox:recall", history, "Be kind.")
    assert "hello" in answer_of(events)
    assert "Be kind." in answer_of(events)
    assert seen(hub)["creates"] == 2
    assert Conversation.objects.count() == 1


def test_the_turn_that_reaches_the_cap_is_answered_and_the_next_opens_another(hub: SandboxServer) -> None:
    """The cap turn carries an answer; it is delivered, and the conversation retired."""
    make_account()
    history = said(("hello", answer_of(ask("hello sandbox:last-turn"))))
    history[0] = Message("user", "hello sandbox:last-turn")
    ask("again", history)
    assert seen(hub)["creates"] == 2


def test_an_old_conversation_is_not_begun_on(hub: SandboxServer) -> None:
    """Close to its six hours another one is opened before Bing refuses."""
    make_account()
    history = said(("hello", answer_of(ask("hello"))))
    Conversation.objects.update(opened_at=timezone.now() - timedelta(hours=5, minutes=58))
    ask("again", history)
    assert seen(hub)["creates"] == 2


def test_a_conversation_whose_account_is_out_goes_on_over_another(hub: SandboxServer) -> None:
    """The history is replayed there."""
    first, second = make_account("first"), make_account("second")
    set_capability(second, "chat", limit=0)
    history = said(("hello", answer_of(ask("hello"))))
    set_capability(second, "chat", limit=4)
    first.mark(AccountState.EXPIRED, "", timezone.now())
    assert "hello" in answer_of(ask("again sandbox:recall", history))
    assert [turn["account"] for turn in turns(hub)] == ["first", "second"]


def test_a_history_that_does_not_fit_loses_its_oldest_turns(hub: SandboxServer) -> None:
    """Never the system prompt or the first words; how many were lost is said before the answer."""
    make_account()
    history = said(*((f"question {n} " + "x" * 4000, "y" * 4000) for n in range(8)))
    events = ask("newest sandbox:recall", history, "Be kind.")
    dropped = [event for event in events if isinstance(event, HistoryDropped)]
    assert dropped
    assert dropped[0].turns > 0
    assert "Be kind." in answer_of(events)
    assert "question 0 " in answer_of(events)
    assert "question 1 " not in answer_of(events)
    assert Turn.objects.get().dropped_turn_count == dropped[0].turns


def test_a_newest_message_that_does_not_fit_costs_nothing(hub: SandboxServer) -> None:
    """context_length_exceeded, before any account is touched."""
    make_account()
    with pytest.raises(ServiceError) as refusal:
        ask("x" * 40_000)
    assert refusal.value.code == "context_length_exceeded"
    assert seen(hub)["creates"] == 0
    assert Conversation.objects.count() == 0


def test_searches_bring_sources_and_suggestions(hub: SandboxServer) -> None:
    """Structured events, kept on the turn's row; `-offline` searches nothing."""
    make_account()
    events = ask("tides sandbox:search")
    assert any(isinstance(event, Searching) for event in events)
    assert any(isinstance(event, Citations) for event in events)
    row = Turn.objects.get()
    assert row.sources
    assert row.suggestions
    events = ask("tides sandbox:search", model="balanced-offline")
    assert not any(isinstance(event, Searching) for event in events)


EARLY = ["cut-before", "close-before", "fail-before", "type7-before", "error3-before", "empty-answer", "bare-type3"]
LATE = ["cut-after", "close-after", "fail-after", "type7-after", "error3-after", "silent-after"]


@pytest.mark.parametrize("scenario", EARLY)
def test_what_breaks_before_the_first_text_is_tried_again_unseen(hub: SandboxServer, scenario: str) -> None:
    """Once over a new conversation: the caller gets a whole answer."""
    make_account()
    play(hub, scenario, next=1)
    assert "hello" in answer_of(ask("hello"))
    assert seen(hub)["creates"] == 2
    assert _at_rest()


def test_what_breaks_again_is_tried_once_on_another_account(hub: SandboxServer) -> None:
    """The same account twice, another once, then the failure: three turns at Bing."""
    make_account("first")
    make_account("second")
    play(hub, "cut-before")
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert failure.value.code == "upstream_interrupted"
    assert len(turns(hub)) == 3
    assert len({turn["account"] for turn in turns(hub)}) == 2
    assert Turn.objects.get().state == TurnState.FAILED
    assert _at_rest()


@pytest.mark.parametrize("scenario", LATE)
def test_what_breaks_after_the_first_text_is_an_error_and_never_tried_again(hub: SandboxServer, scenario: str) -> None:
    """The text so far was shown; then the failure. The conversation is not used again."""
    make_account()
    make_account()
    shown: list[str] = []

    async def read() -> None:
        request = services.TurnRequest("open", find_model("precise"), Prompt("", (), f"hello sandbox:{scenario}"))
        async for event in services.stream_turn(request):
            if isinstance(event, TextDelta):
                shown.append(event.text)

    with pytest.raises(ServiceError) as failure:
        asyncio.run(read())
    assert failure.value.code in ("upstream_interrupted", "timeout")
    assert shown
    assert len(turns(hub)) == 1
    assert not Conversation.objects.get().encrypted_credentials
    assert _at_rest()


def test_an_account_that_is_throttled_rests_its_chat_alone(hub: SandboxServer) -> None:
    """Another account answers; the first one's chat rests an hour, then two, its pictures go on."""
    first, _ = make_account("first"), make_account("second")
    play(hub, "throttled", account="first")
    AccountCapability.objects.filter(account__name="second").update(served_at=timezone.now())
    assert "hello" in answer_of(ask("hello"))
    chat = AccountCapability.objects.get(account=first, capability="chat")
    assert chat.cooldown_until is not None
    assert 3590 < (chat.cooldown_until - timezone.now()).total_seconds() <= 3600
    assert AccountCapability.objects.get(account=first, capability="image").cooldown_until is None
    AccountCapability.objects.filter(account__name="second").update(limit=0)
    AccountCapability.objects.filter(pk=chat.pk).update(cooldown_until=None)
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert (failure.value.code, round((failure.value.retry_after or 0) / 60)) == ("throttled", 120)


@pytest.mark.parametrize(
    ("scenario", "state", "code"),
    [
        ("captcha", AccountState.CHALLENGED, "challenge_required"),
        ("signature-not-set", AccountState.EXPIRED, "cookie_expired"),
        ("create-unauthorized", AccountState.EXPIRED, "cookie_expired"),
        ("create-forbidden", AccountState.BLOCKED, "account_blocked"),
    ],
)
def test_an_account_at_fault_is_marked_and_another_takes_over(
    hub: SandboxServer, scenario: str, state: AccountState, code: str
) -> None:
    """With another account the caller notices nothing; without one the cause is said."""
    first, second = make_account("first"), make_account("second")
    set_capability(second, "chat", served_at=timezone.now())
    play(hub, scenario, account="first")
    assert "hello" in answer_of(ask("hello"))
    first.refresh_from_db()
    assert first.state == state
    play(hub, scenario)
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert failure.value.code == code
    assert _at_rest()


@pytest.mark.slow
def test_all_tries_together_have_the_time_of_one_turn(hub: SandboxServer, settings: Settings) -> None:
    """The second account has only what the first one left: the turn ends while the conversation is still its own."""
    settings.CHAT_FIRST_RECORD_SECONDS, settings.CHAT_TURN_SECONDS = 2.0, 2.5
    make_account()
    make_account()
    play(hub, "silent")
    begun = time.monotonic()
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert failure.value.code == "timeout"
    assert time.monotonic() - begun < 3.9
    assert len(turns(hub)) == 2
    assert _at_rest()


@pytest.mark.parametrize("scenario", ["create-stall", "socket-stall"])
def test_what_comes_before_the_question_is_within_the_turn(
    hub: SandboxServer, settings: Settings, scenario: str
) -> None:
    """Opening a conversation, a socket: given up when the time is up, and nothing is tried again."""
    settings.CHAT_TURN_SECONDS = 1.0
    make_account()
    make_account()
    play(hub, scenario)
    begun = time.monotonic()
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert failure.value.code in ("timeout", "upstream_unreachable")
    assert time.monotonic() - begun < 4
    assert _at_rest()


@pytest.mark.slow
def test_another_account_is_waited_for_no_longer_than_the_turn_lasts(hub: SandboxServer, settings: Settings) -> None:
    """It is busy, and the first one has failed."""
    settings.CHAT_FIRST_RECORD_SECONDS, settings.CHAT_TURN_SECONDS = 8.0, 2.0
    make_account("first")
    busy = make_account("second")
    set_capability(busy, "chat", limit=1)
    until = timezone.now() + timedelta(minutes=1)
    lease = Lease.objects.create(account=busy, capability="chat", holder="somebody", until=until)
    play(hub, "throttled", account="first")
    begun = time.monotonic()
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert failure.value.code == "too_many_running"
    assert time.monotonic() - begun < 6
    lease.delete()
    assert _at_rest()


def test_a_refusal_is_an_answer(hub: SandboxServer) -> None:
    """Disengaged: refused and finished, nothing tried again, the conversation retired, no account marked."""
    account = make_account()
    make_account()
    events = ask("hello sandbox:disengaged")
    assert isinstance(events[-2], Refused)
    assert isinstance(events[-1], Finished)
    assert len(turns(hub)) == 1
    account.refresh_from_db()
    assert account.state == AccountState.OK
    assert Turn.objects.get().state == TurnState.REFUSED


def test_a_caller_who_leaves_frees_everything(hub: SandboxServer) -> None:
    """Closing the generator closes the socket, the lease, the claim; the turn says that the caller left."""
    make_account()

    async def leave() -> None:
        request = services.TurnRequest(
            "open", find_model("precise"), Prompt("", (), "x sandbox:words=200 sandbox:gap=0.05")
        )
        events = services.stream_turn(request)
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await events.aclose()

    asyncio.run(leave())
    assert _at_rest()
    assert Turn.objects.get().state == TurnState.LEFT
    wait_for(lambda: turns(hub)[0]["left"], "the sandbox sees that its client left")


def test_an_account_holds_no_more_turns_than_it_may(hub: SandboxServer) -> None:
    """Eight at once over one account with room for two: all are answered, never more than two at a time."""
    set_capability(make_account(), "chat", limit=2)

    async def run() -> int:
        return len(await asyncio.gather(*(ask_async(f"number {n} sandbox:delay=0.2") for n in range(8))))

    assert asyncio.run(run()) == 8
    assert max(seen(hub)["max_in_flight"].values()) <= 2
    assert _at_rest()


def test_without_texts_nothing_is_kept(hub: SandboxServer, settings: object) -> None:
    """CHAT_STORE_TEXT=0: the rows count, and hold no words."""
    settings.CHAT_STORE_TEXT = False  # type: ignore[attr-defined]
    make_account()
    ask("a secret sandbox:search", system="another secret")
    row = Turn.objects.get()
    assert (row.prompt, row.answer, row.sources, row.suggestions) == ("", "", [], [])
    assert row.sent_characters > 0
    assert Conversation.objects.get().system == ""


def test_cookies_that_bing_sets_at_create_are_kept(hub: SandboxServer) -> None:
    """The last value of each is with the account's others, and travels with the next create."""
    account = make_account("alice")
    play(hub, "create-new-cookie")
    for words in ("one", "two", "three"):
        ask(words)
    account.refresh_from_db()
    assert account.jar["SANDBOX_CHANGING"] == "3"
    assert seen(hub)["cookies"] == {"alice": "2"}


def test_both_eras_of_signatures(hub: SandboxServer) -> None:
    """In the body of the create call or in its headers: the chat is held over either."""
    make_account()
    for era in (1, 2):
        httpx.post(f"{hub.url}/_sandbox/options", json={"chat_era": era}).raise_for_status()
        first = f"of era {era}"
        ask("again", said((first, answer_of(ask(first)))))
        assert seen(hub)["creates"] == era
    assert [turn["number"] for turn in turns(hub)] == [0, 1, 0, 1]


@pytest.mark.parametrize("column", ["encrypted_cookies", "encrypted_proxy"])
def test_an_account_that_no_key_opens_is_set_aside(hub: SandboxServer, column: str) -> None:
    """Another one answers; the row says why this one is not asked any more."""
    lost, other = make_account("lost"), make_account("other")
    make_undecryptable(lost, column)
    set_capability(other, "chat", served_at=timezone.now())
    assert answer_of(ask("hello"))
    lost.refresh_from_db()
    assert lost.state == AccountState.EXPIRED and "SEAL_KEYS" in lost.state_reason
    assert _at_rest()
