"""An operator pastes new cookies while the account is at work: nothing is lost, nothing is sent twice.

What has begun goes on with the old cookies as long as these do, and with the new ones when they do not.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.microsoft import services
from accounts.models import Account, AccountState
from bingproject.conf.environment import new_seal_key
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.security.key_rotation import EncryptedColumn, KeyRing, reencrypt_column
from chat.models import Conversation, TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import Prompt, TextDelta
from chat.services import TurnRequest, stream_turn, turn_store
from creator.models import State, Task
from tests.chat.turns import make_conversation
from tests.creator.engine.running import all_finished, reload, run_until
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bing(settings: Settings) -> object:
    """A sandbox whose pictures take a second and a half, and whose answers to a submit take most of one."""
    with SandboxServer(image_seconds=1.5, video_seconds=1.5, submit_seconds=0.8) as server:
        settings.BING_URL = settings.BING_MEDIA_URL = server.url
        yield server


def rotate_when(is_time: Callable[[], bool], account: Account, cookie: str) -> threading.Thread:
    """An operator's page, in another thread: new cookies as soon as the moment has come."""

    def rotate() -> None:
        for _ in range(400):
            if is_time():
                break
            threading.Event().wait(0.02)
        services.rotate_cookies(Account.objects.get(pk=account.pk), {"_U": cookie}, timezone.now())
        connection.close()

    thread = threading.Thread(target=rotate)
    thread.start()
    return thread


def is_in(state: State) -> Callable[[], bool]:
    """Whether a task has come as far."""
    return lambda: Task.objects.filter(state=state).exists()


@pytest.mark.slow
@pytest.mark.parametrize("state", [State.SUBMITTING, State.POLLING])
@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("is_same", [True, False], ids=["fresh cookies of the account", "cookies of another account"])
def test_a_generation_goes_on_over_a_rotation(bing: SandboxServer, state: State, kind: str, is_same: bool) -> None:
    """Whosever the new cookies are: what was sent is looked for with those it was sent with; sent once."""
    if is_same:
        bing.state.accounts_by_cookie[b"after"] = bing.state.account("before")
    account = make_account("before")
    task = make_task(kind=kind, speed="standard" if kind == "video" else "auto")
    operator = rotate_when(is_in(state), account, "after")
    run_until(all_finished)
    operator.join()
    done = reload(task)
    assert (done.state, done.attempt_count) == (State.COMPLETED, 1), done.error_detail
    seen = describe(bing.state)
    assert seen["submits"]["by_account"] == {"before": 1}
    assert seen["violation_count"] == 0
    account.refresh_from_db()
    assert account.cookies == {"_U": "after"} and account.state in (AccountState.UNCHECKED, AccountState.OK)


@pytest.mark.slow
def test_the_old_cookies_expire_while_a_generation_runs(bing: SandboxServer) -> None:
    """Why cookies are rotated at all: looks that fail with the old ones are mended by the new ones."""
    account = make_account("before")
    task = make_task()

    def expire() -> bool:
        if not is_in(State.POLLING)():
            return False
        bing.state.accounts_by_cookie[b"after"] = bing.state.account("before")
        bing.state.accounts_by_cookie[b"before"] = bing.state.account("expired-before")
        return True

    operator = rotate_when(expire, account, "after")
    run_until(all_finished)
    operator.join()
    assert reload(task).state == State.COMPLETED, reload(task).error_detail
    account.refresh_from_db()
    assert account.state in (AccountState.UNCHECKED, AccountState.OK)  # the verdict on the old ones is dropped
    assert describe(bing.state)["submits"]["total"] == 1


def test_bad_cookies_are_pasted_while_a_generation_runs(bing: SandboxServer) -> None:
    """Nobody is signed in with them, and the picture comes all the same."""
    account = make_account("before")
    task = make_task()
    operator = rotate_when(is_in(State.POLLING), account, "expired-after")
    run_until(all_finished)
    operator.join()
    assert reload(task).state == State.COMPLETED, reload(task).error_detail


def test_a_generation_is_taken_over_with_the_new_cookies(bing: SandboxServer) -> None:
    """The runner that held the old ones is gone: the next one looks with what the row has."""
    bing.state.accounts_by_cookie[b"after"] = bing.state.account("before")
    account = make_account("before")
    task = make_task()
    run_until(is_in(State.POLLING))
    services.rotate_cookies(account, {"_U": "after"}, timezone.now())
    run_until(all_finished)
    assert reload(task).state == State.COMPLETED, reload(task).error_detail
    assert describe(bing.state)["submits"]["total"] == 1


def test_a_verdict_on_the_old_cookies_does_not_mark_the_new_ones(bing: SandboxServer) -> None:
    """A check that was under way when the cookies were replaced."""
    account = make_account("before")
    held = Account.objects.get(pk=account.pk)
    services.rotate_cookies(account, {"_U": "after"}, timezone.now())
    assert not held.mark(AccountState.EXPIRED, "old", timezone.now())
    held.save_session("A" * 32, {"OLD": "1"}, timezone.now())
    account.refresh_from_db()
    assert (account.state, account.jar) == (AccountState.UNCHECKED, {})


def test_a_chat_goes_on_over_a_rotation(hub: SandboxServer) -> None:
    """The turn under way ends over its socket; the conversation's next turn needs no new one at Bing."""
    hub.state.accounts_by_cookie[b"after"] = hub.state.account("before")
    account = make_account("before")
    row = make_conversation()

    def request(text: str) -> TurnRequest:
        return TurnRequest("open", find_model("balanced"), Prompt("", (), text), conversation=row)

    async def turn(text: str, *, rotates: bool) -> str:
        words = []
        async with aclosing(stream_turn(request(text))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    words.append(event.text)
                    if rotates and len(words) == 1:
                        rotate = sync_to_async(services.rotate_cookies)
                        await rotate(await Account.objects.aget(pk=account.pk), {"_U": "after"}, timezone.now())
        return "".join(words)

    assert asyncio.run(turn("one", rotates=True))
    assert asyncio.run(turn("two", rotates=False))
    assert list(row.turns.values_list("state", flat=True)) == [TurnState.FINISHED] * 2
    assert hub.state.chats["chat"].creates == {"before": 1}
    account.refresh_from_db()
    assert account.cookies == {"_U": "after"}
    assert not account.leases.exists()


def test_a_turn_under_way_does_not_bring_an_old_seal_back(settings: Settings, hub: SandboxServer) -> None:
    """What was encrypted again while a turn held it is left alone at the turn's end."""
    make_account()
    settings.SEAL_KEYS = [new_seal_key()]
    old = settings.SEAL_KEYS[0]
    account = make_account("anna")
    row = make_conversation()
    row.account = account
    row.set_credentials(
        {"conversation_id": "51D|BingProd|A", "client_id": "1", "signature": "s", "token": "t"}, timezone.now()
    )
    row.save()
    model = find_model("balanced")
    request = TurnRequest("open", model, Prompt("", (), "hello"), conversation=row, routes=model.routes)

    async def hold_and_end() -> None:
        held = await turn_store.begin_turn(request)
        settings.SEAL_KEYS = [new_seal_key(), old]
        column = EncryptedColumn(Conversation, "encrypted_credentials")
        assert await sync_to_async(reencrypt_column)(column) == 1
        await sync_to_async(turn_store.end_turn)(held, timezone.now())

    asyncio.run(hold_and_end())
    row.refresh_from_db()
    ring = KeyRing(settings.SEAL_KEYS)
    assert ring.opener(row.encrypted_credentials) == ring.newest
