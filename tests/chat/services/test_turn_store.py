"""What turns hold and leave behind in the tables: claims, leases, records, and why no account is to be had."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Capability, Lease
from bingproject.errors import ConflictError, NotFoundError, ServiceError
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation, Origin, Turn, TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import Finished, Prompt, PromptImage
from chat.services import close_upstream, start_conversation, stream_turn
from chat.services.turn_state import TurnRequest
from tests.chat.turns import ask, ask_async, make_conversation, play, said, seen, turns
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


def request(newest: str = "hello", **fields: object) -> TurnRequest:
    """A turn of the open caller."""
    return TurnRequest("open", find_model("balanced"), Prompt("", (), newest), **fields)  # type: ignore[arg-type]


def test_turns_of_a_named_conversation_come_one_after_the_other(hub: SandboxServer) -> None:
    """Both are answered over the same upstream conversation, each in its turn."""
    make_account()
    row = make_conversation()

    async def both() -> None:
        words = ("one sandbox:delay=0.3", "two sandbox:delay=0.3")
        await asyncio.gather(*(ask_async(text, conversation=row) for text in words))

    asyncio.run(both())
    assert seen(hub)["creates"] == 1
    assert max(seen(hub)["max_in_flight"].values()) == 1
    assert list(row.turns.values_list("index", flat=True)) == [0, 1]


def test_a_named_conversation_that_stays_busy_is_a_conflict(hub: SandboxServer, settings: Settings) -> None:
    """After the time of a whole turn the caller is told; a pruned one is not found."""
    settings.CHAT_TURN_SECONDS = 0.3
    make_account()
    row = make_conversation()
    assert row.take("somebody", timezone.now() + timedelta(hours=1))
    with pytest.raises(ConflictError):
        ask("hello", conversation=row)
    assert seen(hub)["creates"] == 0
    Conversation.objects.all().delete()
    with pytest.raises(NotFoundError):
        ask("hello", conversation=row)


def test_an_upstream_conversation_is_kept_until_another_one_is_open(hub: SandboxServer) -> None:
    """Its account rests and the other one opens none: nothing was lost, and the chat goes on where it was."""
    first, second = make_account("first"), make_account("second")
    set_capability(second, Capability.CHAT, limit=0)
    row = make_conversation()
    ask("hello", conversation=row)
    set_capability(second, Capability.CHAT, limit=4)
    set_capability(first, Capability.CHAT, cooldown_until=timezone.now() + timedelta(minutes=1))
    play(hub, "create-500", account="second")
    with pytest.raises(ServiceError) as failure:
        ask("again", conversation=row)
    assert failure.value.code == "upstream_unreachable"
    set_capability(first, Capability.CHAT, cooldown_until=None)
    ask("again", conversation=row)
    assert [(turn["account"], turn["number"]) for turn in turns(hub)] == [("first", 0), ("first", 1)]


def test_a_picture_that_is_not_taken_costs_no_conversation(hub: SandboxServer) -> None:
    """It is refused before anything is asked."""
    make_account()
    row = make_conversation()
    ask("hello", conversation=row)
    play(hub, "kblob-refused", next=1)
    with pytest.raises(ServiceError) as failure:
        asyncio.run(_look_at_a_picture(row))
    assert failure.value.code == "image_rejected"
    ask("again", conversation=row)
    assert seen(hub)["creates"] == 1


async def _look_at_a_picture(row: Conversation) -> None:
    picture = PromptImage("", b"GIF89a", "image/gif")
    asked = TurnRequest("open", find_model("balanced"), Prompt("", (), "what is it?", (picture,)), conversation=row)
    async for _ in stream_turn(asked):
        pass


def test_who_finds_no_room_in_time_is_told_so(hub: SandboxServer, settings: Settings) -> None:
    """All that the account may hold is held: 429 after the wait, and nothing is left."""
    settings.CHAT_FIRST_RECORD_SECONDS = 0.3
    account = make_account()
    set_capability(account, Capability.CHAT, limit=1)
    until = timezone.now() + timedelta(minutes=1)
    Lease.objects.create(account=account, capability="chat", holder="somebody", until=until)
    with pytest.raises(ServiceError) as failure:
        ask("hello")
    assert (failure.value.code, failure.value.retry_after) == ("too_many_running", 30)
    assert Lease.objects.get().holder == "somebody"
    assert not Conversation.objects.exclude(claim="").exists()


@pytest.mark.parametrize("step", range(0, 200, 8))
def test_a_caller_who_leaves_at_any_moment_leaves_nothing(hub: SandboxServer, step: int) -> None:
    """While it claims, takes an account, opens, asks or reads: no claim, no lease, no socket stays."""
    make_account()

    async def leave() -> None:
        turn = asyncio.create_task(ask_async("hello sandbox:gap=0.01"))
        await asyncio.sleep(step / 1000)
        turn.cancel()
        await asyncio.wait({turn})

    asyncio.run(leave())
    assert not Lease.objects.exists()
    assert not Conversation.objects.exclude(claim="").exists()
    assert not Conversation.objects.filter(turns=None).exists()
    for _ in range(200):
        if not hub.state.chats["chat"].sockets.open:
            break
        asyncio.run(asyncio.sleep(0.01))
    assert hub.state.chats["chat"].sockets.open == 0


def test_a_turn_is_written_down_once_with_all_that_it_was(hub: SandboxServer) -> None:
    """Numbers, times, account; the conversation counts it and is found by what was said."""
    account = make_account()

    async def run() -> Finished:
        events = [event async for event in stream_turn(request("tides", is_streamed=True, request_id="r" * 50))]
        assert isinstance(events[-1], Finished)
        return events[-1]

    end = asyncio.run(run())
    turn, row = Turn.objects.get(), Conversation.objects.get()
    assert (turn.state, turn.account, turn.prompt, turn.answer) == (TurnState.FINISHED, account, "tides", end.text)
    assert (turn.sent_characters, turn.received_characters) == (5, len(end.text))
    assert turn.first_text_at is not None and turn.finished_at is not None
    assert turn.started_at <= turn.first_text_at <= turn.finished_at
    assert turn.request_id == "r" * 36
    assert (row.turn_count, row.create_count, row.account) == (1, 1, account)
    ask("again", said(("tides", end.streamed)))
    assert Conversation.objects.get().turn_count == 2


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_named_conversation_remembers_its_system_prompt(
    hub: SandboxServer, settings: Settings, is_stored: bool
) -> None:
    """That of its first turn goes to every rebuilt end, until one is rebuilt with another; never kept without texts."""
    settings.CHAT_STORE_TEXT = is_stored
    make_account()
    row = asyncio.run(start_conversation("open", find_model("balanced"), Origin.CREATED))
    for system, newest, stored in (
        ("Be kind.", "one", "Be kind."),
        ("Be rude.", "two", "Be kind."),
        ("Be brief.", "three sandbox:cut-after", "Be kind."),
    ):
        with contextlib.suppress(ServiceError):
            ask(newest, system=system, conversation=row)
        row.refresh_from_db()
        assert row.system == (stored if is_stored else "")
    if is_stored:  # the last turn broke off, so another end is opened
        for system, canonical in (("", "Be kind."), ("Be rude.", "Be rude."), ("", "Be rude.")):
            close_upstream(Conversation.objects.all(), timezone.now())
            ask("again", system=system, conversation=row)
            row.refresh_from_db()
            assert canonical in str(hub.state.chats["chat"].turns[-1].system)
            assert row.system == canonical
