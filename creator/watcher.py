"""One watcher per web process: every request that waits for a task waits here, and one query serves them all.

No thread waits. On SQLite an unchanged `data_version` saves even that query.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection, connections

from bingproject.errors import NoWorkerError
from creator.models import FINISHED, State
from creator.services.claims import has_live_runner

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
OUTAGE_SECONDS = 0.5
WORKERLESS_SECONDS = 30.0
FULL_LOOK_SECONDS = 1.0  # however little seems to change

FINAL = tuple(str(state) for state in FINISHED)
ANSWERED = (*FINAL, str(State.POLLING))  # Bing has taken or refused it
_Watch = tuple[uuid.UUID, tuple[str, ...]]


class Watcher:
    """Tells waiting requests of this process that their tasks have come to a state they wait for."""

    def __init__(self) -> None:
        self._waiting: dict[_Watch, set[asyncio.Future[None]]] = defaultdict(set)
        self._loop_task: asyncio.Task[None] | None = None
        self._data_version = -1
        self._looked_at = 0.0
        self._workerless_since: float | None = None

    async def wait(self, task_ids: Iterable[uuid.UUID], states: tuple[str, ...], seconds: float) -> bool:
        """Wait until every task is in one of `states`, at most so long; whether they are.

        Raises: NoWorkerError when no runner has lived for `WORKERLESS_SECONDS`.
        """
        loop = asyncio.get_running_loop()
        watches: list[_Watch] = [(task_id, states) for task_id in task_ids]
        futures = [loop.create_future() for _ in watches]
        for watch, future in zip(watches, futures, strict=True):
            self._waiting[watch].add(future)
        self._data_version = -1  # what is there already counts too
        if self._loop_task is None or self._loop_task.done():
            # A context of its own: the first caller's request must be free to end.
            self._loop_task = loop.create_task(self._look_until_nobody_waits(), context=contextvars.Context())
        try:
            await asyncio.wait(futures, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_EXCEPTION)
            return all(future.done() and future.result() is None for future in futures)
        finally:
            for watch, future in zip(watches, futures, strict=True):
                future.cancel()
                self._waiting[watch].discard(future)
                if not self._waiting[watch]:
                    self._waiting.pop(watch, None)

    async def _look_until_nobody_waits(self) -> None:
        self._workerless_since = None
        while self._waiting:
            try:
                reached, is_workerless = await sync_to_async(self._look)(list(self._waiting))
                self._tell(reached, None)
                if is_workerless:
                    self._tell(list(self._waiting), NoWorkerError())
                await asyncio.sleep(LOOK_SECONDS)
            except (DatabaseError, InterfaceError) as error:
                # The callers go on waiting: the database may be back before their time is up.
                logger.warning("the watcher got no answer from the database: %s", type(error).__name__)
                await sync_to_async(connections.close_all)()
                await asyncio.sleep(OUTAGE_SECONDS)

    def _tell(self, watches: list[_Watch], error: NoWorkerError | None) -> None:
        for future in [future for watch in watches for future in self._waiting.get(watch, ())]:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def _look(self, watches: list[_Watch]) -> tuple[list[_Watch], bool]:
        """Watches that have come to their state, and whether nobody has worked for too long."""
        is_full = time.monotonic() > self._looked_at + FULL_LOOK_SECONDS
        is_workerless = False
        if is_full:
            self._looked_at = time.monotonic()
            is_workerless = self._is_workerless()
        if not is_full and not self._has_changed():
            return [], is_workerless
        states = _states_of({task_id for task_id, _ in watches})
        return [watch for watch in watches if states.get(watch[0]) in watch[1]], is_workerless

    def _is_workerless(self) -> bool:
        if has_live_runner():
            self._workerless_since = None
            return False
        if self._workerless_since is None:
            self._workerless_since = time.monotonic()
        return time.monotonic() - self._workerless_since > WORKERLESS_SECONDS

    def _has_changed(self) -> bool:
        if connection.vendor != "sqlite":
            return True
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()[0]
        has_changed = bool(version != self._data_version)
        self._data_version = version
        return has_changed


def _states_of(task_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT id, state FROM creator_task WHERE id = ANY(%s)", [list(task_ids)])
            return dict(cursor.fetchall())
        ids = json.dumps([task_id.hex for task_id in task_ids])
        cursor.execute("SELECT id, state FROM creator_task WHERE id IN (SELECT value FROM json_each(%s))", [ids])
        return {uuid.UUID(hex=task_id): state for task_id, state in cursor.fetchall()}


watcher = Watcher()
