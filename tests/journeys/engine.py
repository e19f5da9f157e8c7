"""A runner at work in a thread of its own, while a test speaks HTTP with the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections

from bingproject.cluster import stop_flag
from bingproject.upstream.http_client import ConnectionPool
from creator.engine.runner import RunnerSlice
from creator.models import Runner as RunnerRow
from creator.models import Task

STOP_SECONDS = 20


class WorkingRunner(threading.Thread):
    """One slice of a real runner; `ending` is what it said when it ended."""

    def __init__(self) -> None:
        super().__init__(name="runner", daemon=True)
        self.ending = ""

    def run(self) -> None:
        """Carry tasks until asked to stop."""
        self.ending = asyncio.run(self._run())

    async def _run(self) -> str:
        # A database thread of its own, as in a process of its own: SQLite tells no connection of its own changes.
        async with ThreadSensitiveContext(), ConnectionPool() as door:
            try:
                return await RunnerSlice(door).run(300)
            finally:
                await sync_to_async(connections.close_all)()


@contextmanager
def runner_at_work(*, leaves_tasks: bool = False) -> Iterator[WorkingRunner]:
    """A runner until the end of the block; there it is stopped as a SIGTERM would, and must hand over cleanly.

    `leaves_tasks`: tasks under way stay for the next runner.
    """
    stop_flag.prepare()
    runner = WorkingRunner()
    runner.start()
    try:
        yield runner
    finally:
        stop_flag.request_stop()
        runner.join(STOP_SECONDS)
        stop_flag.prepare()
    assert not runner.is_alive()
    assert runner.ending == "handed over"
    assert not RunnerRow.objects.exists()
    if not leaves_tasks:
        assert not Task.objects.unfinished().exists()
        assert not Task.objects.exclude(runner=None).exists()
