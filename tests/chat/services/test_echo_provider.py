"""A back end that exists in the tests alone plugs in through the registry, as docs/adding-a-provider.md says."""

from __future__ import annotations

import asyncio

import pytest

from chat.protocol.events import Finished, Prompt
from chat.services import TurnRequest, find_model, stream_turn
from chat.services.backends import BACK_ENDS, Backend
from tests.chat.services.echo_provider.back_end import EchoBackEnd
from tests.chat.services.echo_provider.site import open_site
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_turn_over_a_back_end_that_was_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its model is listed, and a turn finds account, conversation and socket without any other change."""
    make_account("anna")

    async def run() -> object:
        async with open_site() as url:
            back_end: Backend = EchoBackEnd(url)
            monkeypatch.setitem(BACK_ENDS, "echo", back_end)
            request = TurnRequest("open", find_model("echo"), Prompt("", (), "hello"))
            return [event async for event in stream_turn(request)][-1]

    end = asyncio.run(run())
    assert isinstance(end, Finished)
    assert end.text == "hello"
