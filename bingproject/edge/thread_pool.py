"""A few long-lived threads that all requests share, instead of Django's one thread for as long as a request lives.

A request keeps to one lane, since database connections belong to threads; a lane runs one call at a time, which is what
asgiref demands of an executor it is given. A request that waits without a thread takes no lane's time.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

LANE_COUNT = 4


class Lane(ThreadPoolExecutor):
    """One thread that knows how many calls wait for it."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        self._load = 0
        self._counting = Lock()

    @property
    def load(self) -> int:
        """Calls running or waiting here."""
        return self._load

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As the base class; counted."""
        future = super().submit(fn, *args, **kwargs)
        self._count(1)
        # Also for calls that are cancelled before they begin.
        future.add_done_callback(lambda _future: self._count(-1))
        return future

    def _count(self, change: int) -> None:
        with self._counting:
            self._load += change


class Lanes:
    """The lanes of one process."""

    def __init__(self, count: int = LANE_COUNT) -> None:
        self._lanes = [Lane(f"lane-{number}") for number in range(count)]
        self._turn = 0

    def pick(self) -> Lane:
        """The lane with the least to do; among equals, each in its turn."""
        self._turn = (self._turn + 1) % len(self._lanes)
        ordered = self._lanes[self._turn :] + self._lanes[: self._turn]
        return min(ordered, key=lambda lane: lane.load)

    def close(self) -> None:
        """Close every lane's database connections, in its own thread, and end it."""
        for lane in self._lanes:
            lane.submit(connections.close_all)
            lane.shutdown(wait=True)
