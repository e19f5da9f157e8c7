"""Limit the time that a turn waits for one kind of exchange with a back end, repeats included.

Callers wait at most UPSTREAM_TIMEOUT_SECONDS for an exchange that fails: the first try may take half of it, a second
one what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from django.conf import settings

SOCKET = "socket"  # the opening and the handshake
LEAST_SECONDS = 0.5  # another try with less would fail anyway


class Budget:
    """The seconds that a turn's exchanges have taken so far, by kind."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}

    def left(self, kind: str) -> float:
        """Return the seconds left for all exchanges of this kind together."""
        return max(settings.UPSTREAM_TIMEOUT_SECONDS - self._spent.get(kind, 0.0), 0.0)

    def next_try(self, kind: str) -> float:
        """Return the seconds that the next exchange of this kind may take."""
        return max(min(self.left(kind), settings.UPSTREAM_TIMEOUT_SECONDS / 2), 0.001)

    def spend(self, kind: str, seconds: float) -> None:
        """Add the time of an exchange."""
        self._spent[kind] = self._spent.get(kind, 0.0) + seconds

    @property
    def is_spent(self) -> bool:
        """True if some kind of exchange has no time for another try."""
        return any(self.left(kind) < LEAST_SECONDS for kind in self._spent)

    @property
    def is_slow(self) -> bool:
        """True if some kind of exchange has taken half of its time or more."""
        return any(spent >= self.left(kind) for kind, spent in self._spent.items())


_current: ContextVar[Budget | None] = ContextVar("chat_budget", default=None)


@contextmanager
def keeping_to(budget: Budget) -> Iterator[None]:
    """Measure the exchanges within the context, and limit them to what is left."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)


@asynccontextmanager
async def exchange(kind: str, seconds: float) -> AsyncIterator[float]:
    """Measure one exchange, and yield its limit in seconds."""
    budget = _current.get() or Budget()
    began = asyncio.get_running_loop().time()
    try:
        yield min(seconds, budget.next_try(kind))
    finally:
        budget.spend(kind, asyncio.get_running_loop().time() - began)
