"""The time limits of a turn."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django import Settings

from bingproject.errors import UpstreamTimeoutError
from chat.services.backends import BACK_ENDS
from chat.services.backends.budget import SOCKET
from chat.services.turn_clock import TurnClock
from tests.chat.protocol.sydney.turns import new_turn

BING = BACK_ENDS["bing"]


def test_work_is_given_up_when_the_turn_is_over(settings: Settings) -> None:
    """timeout, in the back end's words; the work is cancelled."""
    settings.CHAT_TURN_SECONDS = 0.01

    async def run() -> None:
        clock = TurnClock()
        with pytest.raises(UpstreamTimeoutError):
            await clock.limit(asyncio.sleep(60), BING)
        assert clock.is_over
        assert clock.timers(BING).turn == 0.0

    asyncio.run(run())


def test_a_time_out_of_the_work_itself_is_not_the_turns() -> None:
    """It passes through as it is."""

    async def fail() -> None:
        raise TimeoutError

    async def run() -> None:
        clock = TurnClock()
        with pytest.raises(TimeoutError):
            await clock.limit(fail(), BING)
        assert not clock.is_over

    asyncio.run(run())


def test_only_a_socket_that_stays_in_its_handshake_is_charged() -> None:
    """Its time goes from what the next socket of the turn may take."""

    async def run() -> tuple[bool, bool]:
        clock, dialect = TurnClock(), new_turn()
        whole = clock.budget.left(SOCKET)
        with clock.measured_handshake(dialect):
            await asyncio.sleep(0.01)
        is_charged = clock.budget.left(SOCKET) < whole
        clock, dialect = TurnClock(), new_turn()
        with clock.measured_handshake(dialect):
            dialect.receive("{}\x1e")
            await asyncio.sleep(0.01)
        return is_charged, clock.budget.left(SOCKET) < whole

    assert asyncio.run(run()) == (True, False)
