"""The time limits of one turn: its end, and what its exchanges may still take."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from django.conf import settings

from chat import client
from chat.protocol.events import Dialect
from chat.services.backends import Backend
from chat.services.backends.budget import SOCKET, Budget, keeping_to

Made = TypeVar("Made")


class TurnClock:
    """Started when the turn has its conversation. Units: `end` is a time of the running loop's clock, in seconds."""

    def __init__(self) -> None:
        self.end = asyncio.get_running_loop().time() + settings.CHAT_TURN_SECONDS
        self.budget = Budget()

    @property
    def is_over(self) -> bool:
        """True if the time of the whole turn is up."""
        return asyncio.get_running_loop().time() >= self.end

    def timers(self, back_end: Backend) -> client.Timers:
        """Return the back end's timers, within what is left of the turn."""
        left = max(self.end - asyncio.get_running_loop().time(), 0.0)
        return replace(back_end.timers(), turn=left, greeted=self.budget.next_try(SOCKET))

    async def limit(self, work: Coroutine[Any, Any, Made], back_end: Backend) -> Made:
        """Await work that comes before the socket. Raises: UpstreamTimeoutError when the turn's time is up first."""
        limit = asyncio.timeout_at(self.end)
        try:
            with keeping_to(self.budget):
                async with limit:
                    return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise back_end.errors.build("timeout", "the turn's time was up before it was asked") from None

    @contextmanager
    def measured_handshake(self, dialect: Dialect) -> Iterator[None]:
        """Charge the budget for a socket that did not get past its handshake."""
        loop = asyncio.get_running_loop()
        opened_at = loop.time()
        try:
            yield
        finally:
            if dialect.phase == "handshake":
                self.budget.spend(SOCKET, loop.time() - opened_at)
