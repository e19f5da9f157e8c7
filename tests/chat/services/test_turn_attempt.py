"""One attempt at a turn: what goes out over a new upstream conversation, and over one that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation
from chat.protocol.catalogue import find_model
from chat.protocol.events import Prompt
from chat.services import turn_store
from chat.services.catalogue import routes_for
from chat.services.turn_attempt import OFFLINE, open_session, prepare, served_by
from chat.services.turn_state import ActiveTurn, TurnRequest
from tests.factories import make_account, make_token_account

pytestmark = pytest.mark.django_db(transaction=True)


def _with_turn(model: str, work: Callable[[ActiveTurn], Coroutine[Any, Any, None]]) -> None:
    """Begin a turn, do the work with it, and end it."""

    async def run() -> None:
        spec, prompt = find_model(model), Prompt("", (), "hello")
        turn = await turn_store.begin_turn(TurnRequest("open", spec, prompt, routes=routes_for(spec, prompt)))
        try:
            await work(turn)
        finally:
            await sync_to_async(partial(turn_store.end_turn, turn, timezone.now()))()

    asyncio.run(run())


def test_an_attempt_opens_the_conversation_once(hub: SandboxServer) -> None:
    """A second attempt over the same account goes on with it; nothing was asked yet."""
    make_account()

    async def work(turn: ActiveTurn) -> None:
        address, dialect = await prepare(turn)
        again, other = await prepare(turn)
        assert turn.dialect is other is not dialect
        assert address.url == again.url
        assert (turn.opened_count, turn.has_asked) == (1, False)

    _with_turn("balanced", work)
    assert Conversation.objects.get().create_count == 1


def test_a_session_is_noted_on_the_conversation(hub: SandboxServer) -> None:
    """With its account and back end."""
    account = make_account()

    async def work(turn: ActiveTurn) -> None:
        turn.wants_new_session = True
        credentials = await open_session(turn)
        assert turn.session_credentials() == credentials
        assert (turn.has_session, turn.wants_new_session) == (True, False)

    _with_turn("balanced", work)
    row = Conversation.objects.get()
    assert (row.account_id, row.back_end) == (account.pk, "bing")


@pytest.mark.parametrize(("kind", "unmet"), [("bing", ()), ("copilot", (OFFLINE,))])
def test_a_wish_that_a_back_end_cannot_meet_is_named(hub: SandboxServer, kind: str, unmet: tuple[str, ...]) -> None:
    """Copilot cannot be told not to search."""
    if kind == "bing":
        make_account()
    else:
        make_token_account(kind)

    async def work(turn: ActiveTurn) -> None:
        assert served_by(turn).ignored == unmet

    _with_turn("balanced-offline", work)
