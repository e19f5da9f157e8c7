"""A few long-lived threads (lanes) for all requests, instead of Django's thread for the life of each request.

A request stays in one lane, because database connections belong to threads. A lane runs one call at a time, as asgiref
requires of an executor. A request that waits on the event loop uses no lane.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

LANE_COUNT = 4
LANES = "bingproject.edge.thread_pool"  # the key of a request's scope that holds its process's `Lanes`


class Lane(ThreadPoolExecutor):
    """One thread, which counts the calls that wait for it."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        self._load = 0
        self._began_at: float | None = None
        self._counting = Lock()

    @property
    def load(self) -> int:
        """The number of calls that run or wait here."""
        return self._load

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a call as the base class does, and count it."""
        future = super().submit(self._run, fn, *args, **kwargs)
        self._count(1)
        # A callback, so that calls cancelled before they begin are counted down too.
        future.add_done_callback(lambda _future: self._count(-1))
        return future

    @property
    def busy_seconds(self) -> float:
        """Seconds since the running call began; 0 if none runs."""
        began_at = self._began_at
        return 0.0 if began_at is None else time.monotonic() - began_at

    def _run(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        self._began_at = time.monotonic()
        try:
            return fn(*args, **kwargs)
        finally:
            self._began_at = None

    def _count(self, change: int) -> None:
        with self._counting:
            self._load += change


class Lanes:
    """The lanes of one process: shared ones, and two for work that would block the others.

    `large` parses one body of megabytes at a time, `passwords` hashes one password at a time.
    """

    def __init__(self, count: int = LANE_COUNT) -> None:
        self._lanes = [Lane(f"lane-{number}") for number in range(count)]
        self.large = Lane("lane-large")
        self.passwords = Lane("lane-passwords")
        self._turn = 0

    def pick(self) -> Lane:
        """Return the lane with the fewest calls; equal lanes take turns."""
        self._turn = (self._turn + 1) % len(self._lanes)
        ordered = self._lanes[self._turn :] + self._lanes[: self._turn]
        return min(ordered, key=lambda lane: lane.load)

    @property
    def stuck_seconds(self) -> float:
        """Seconds for which every shared lane has been in the same call; 0 while one is free.

        The lanes `large` and `passwords` do not count: without them the process still answers most requests.
        """
        return min(lane.busy_seconds for lane in self._lanes)

    def close(self) -> None:
        """Close the database connections of each lane in its own thread, then end the threads."""
        for lane in (*self._lanes, self.large, self.passwords):
            lane.submit(connections.close_all)
            lane.shutdown(wait=True)
