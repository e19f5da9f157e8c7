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
from creator.models import FINISHED, State, Task, read_rows
from creator.services.claims import has_live_runner

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
OUTAGE_SECONDS = 0.5
WORKERLESS_SECONDS = 30.0
READ_AT_ONCE = 500
FULL_LOOK_SECONDS = 1.0  # however little seems to change

FINAL = tuple(str(state) for state in FINISHED)
ANSWERED = (*FINAL, str(State.POLLING))  # Bing has taken or refused it
_Watch = tuple[uuid.UUID, tuple[str, ...]]


class Watcher:
    """Tells waiting requests of this process that their tasks have come to a state they wait for."""

    def __init__(self) -> None:
        self._waiting: dict[_Watch, set[asyncio.Future[Task]]] = defaultdict(set)
        self._loop_task: asyncio.Task[None] | None = None
        self._data_version = -1
        self._looked_at = 0.0
        self._workerless_since: float | None = None

    async def wait(self, task_ids: Iterable[uuid.UUID], states: tuple[str, ...], seconds: float) -> list[Task] | None:
        """Wait until every task is in one of `states`, at most so long; the tasks with their pictures, None if not.

        The rows are read by the watcher, many at once: a thousand callers who are told together ask nothing more.

        Raises: NoWorkerError when no runner has lived for `WORKERLESS_SECONDS`.
        """
        loop = asyncio.get_running_loop()
        watches: list[_Watch] = [(task_id, states) for task_id in task_ids]
        futures: list[asyncio.Future[Task]] = [loop.create_future() for _ in watches]
        for watch, future in zip(watches, futures, strict=True):
            self._waiting[watch].add(future)
        self._data_version = -1  # what is there already counts too
        if self._loop_task is None or self._loop_task.done():
            # A context of its own: the first caller's request must be free to end.
            self._loop_task = loop.create_task(self._look_until_nobody_waits(), context=contextvars.Context())
        try:
            await asyncio.wait(futures, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_EXCEPTION)
            ended = [future.result() for future in futures if future.done()]
            return ended if len(ended) == len(futures) else None
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
                for watch, task in reached:
                    self._tell(watch, task)
                if is_workerless:
                    for watch in list(self._waiting):
                        self._tell(watch, NoWorkerError())
                await asyncio.sleep(LOOK_SECONDS)
            except (DatabaseError, InterfaceError) as error:
                # The callers go on waiting: the database may be back before their time is up.
                logger.warning("the watcher got no answer from the database: %s", type(error).__name__)
                await sync_to_async(connections.close_all)()
                await asyncio.sleep(OUTAGE_SECONDS)

    def _tell(self, watch: _Watch, news: Task | NoWorkerError) -> None:
        for future in self._waiting.get(watch, ()):
            if future.done():
                continue
            if isinstance(news, Task):
                future.set_result(news)
            else:
                future.set_exception(news)

    def _look(self, watches: list[_Watch]) -> tuple[list[tuple[_Watch, Task]], bool]:
        """Watches that have come to their state with their rows, and whether nobody has worked for too long."""
        is_full = time.monotonic() > self._looked_at + FULL_LOOK_SECONDS
        is_workerless = False
        if is_full:
            self._looked_at = time.monotonic()
            is_workerless = self._is_workerless()
        if not is_full and not self._has_changed():
            return [], is_workerless
        wanted = {state for _, states in watches for state in states}
        states = _states_of({task_id for task_id, _ in watches}, wanted)
        reached = [watch for watch in watches if states.get(watch[0]) in watch[1]]
        rows = {task.pk: task for task in _read(list({task_id for task_id, _ in reached}))}
        return [(watch, rows[watch[0]]) for watch in reached if watch[0] in rows], is_workerless

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


def _read(task_ids: list[uuid.UUID]) -> list[Task]:
    steps = range(0, len(task_ids), READ_AT_ONCE)
    return [task for start in steps for task in read_rows(task_ids[start : start + READ_AT_ONCE])]


def _states_of(task_ids: set[uuid.UUID], wanted: set[str]) -> dict[uuid.UUID, str]:
    """Which of the tasks have come to one of the states: most have not, and are not worth a row each time."""
    with connection.cursor() as cursor:
        sql = "SELECT id, state FROM creator_task WHERE "
        if connection.vendor == "postgresql":
            cursor.execute(sql + "id = ANY(%s) AND state = ANY(%s)", [list(task_ids), list(wanted)])
            return dict(cursor.fetchall())
        ids = json.dumps([task_id.hex for task_id in task_ids])
        states = json.dumps(list(wanted))
        cursor.execute(
            sql + "id IN (SELECT value FROM json_each(%s)) AND +state IN (SELECT value FROM json_each(%s))",
            [ids, states],
        )
        return {uuid.UUID(hex=task_id): state for task_id, state in cursor.fetchall()}


watcher = Watcher()
