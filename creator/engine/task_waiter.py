"""Wait for tasks on behalf of all requests of a web process: one query serves them all, and no thread waits.

On SQLite an unchanged `PRAGMA data_version` (no other connection has committed) saves even that query.
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

from bingproject.cluster.web_shutdown import shutdown
from bingproject.database.outages import is_outage, outages
from bingproject.errors import NoWorkerError, ServiceError, StoppingError
from creator.models import FINISHED, State, Task, read_rows
from creator.services.claims import has_live_runner

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.1  # between two queries, so also the longest delay of a response
OUTAGE_SECONDS = 0.5
WORKERLESS_SECONDS = 30.0  # without a live runner, until callers are answered with NoWorkerError
READ_AT_ONCE = 500  # rows per query, each a parameter
FULL_CHECK_SECONDS = 1.0  # between queries that are made even if nothing seems to have changed

FINAL = tuple(str(state) for state in FINISHED)
ANSWERED = (*FINAL, str(State.POLLING))  # Bing has accepted or refused it
_Watch = tuple[uuid.UUID, tuple[str, ...]]


class TaskWaiter:
    """Notify the waiting requests of this process when their tasks reach a state they wait for."""

    def __init__(self) -> None:
        self._waiting: dict[_Watch, set[asyncio.Future[Task]]] = defaultdict(set)
        self._loop_task: asyncio.Task[None] | None = None
        self._data_version = -1
        self._checked_at = 0.0
        self._workerless_since: float | None = None

    async def wait(self, task_ids: Iterable[uuid.UUID], states: tuple[str, ...], seconds: float) -> list[Task] | None:
        """Wait until every task is in one of `states`.

        The rows are read here, many at once, so that a thousand callers notified together need no further query.

        Returns:
            The tasks with their pictures; None if `seconds` passed first.

        Raises:
            NoWorkerError: No runner has been alive for `WORKERLESS_SECONDS`.
            StoppingError: This process stops.
        """
        shutdown.check()
        loop = asyncio.get_running_loop()
        watches: list[_Watch] = [(task_id, states) for task_id in task_ids]
        futures: list[asyncio.Future[Task]] = [loop.create_future() for _ in watches]
        for watch, future in zip(watches, futures, strict=True):
            self._waiting[watch].add(future)
        self._data_version = -1  # query at once: a task may have reached its state already
        if self._loop_task is None or self._loop_task.done():
            # A context of its own, since the loop outlives the request that starts it.
            self._loop_task = loop.create_task(self._check_until_nobody_waits(), context=contextvars.Context())
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

    async def _check_until_nobody_waits(self) -> None:
        self._workerless_since = None
        while self._waiting:
            try:
                reached, is_workerless = await sync_to_async(self._check)(list(self._waiting))
                for watch, task in reached:
                    self._notify(watch, task)
                if is_workerless:
                    self._notify_all(NoWorkerError)
                await asyncio.sleep(CHECK_SECONDS)
            except (DatabaseError, InterfaceError) as error:
                # Callers go on waiting: the database may come back before their time is up.
                if is_outage(error):
                    outages.note(error)
                else:
                    logger.exception("the database refused the query for the states of tasks")
                await sync_to_async(connections.close_all)()
                await asyncio.sleep(OUTAGE_SECONDS)

    def stop(self) -> None:
        """End all waits with StoppingError: this process stops, and tasks continue without it."""
        self._notify_all(StoppingError)

    def _notify_all(self, kind: type[ServiceError]) -> None:
        for watch in list(self._waiting):
            self._notify(watch, kind())

    def _notify(self, watch: _Watch, result: Task | ServiceError) -> None:
        for future in self._waiting.get(watch, ()):
            if future.done():
                continue
            if isinstance(result, Task):
                future.set_result(result)
            else:
                future.set_exception(result)

    def _check(self, watches: list[_Watch]) -> tuple[list[tuple[_Watch, Task]], bool]:
        """Return the watches whose task reached a state they wait for, with its row, and True if there is no worker."""
        is_full = time.monotonic() > self._checked_at + FULL_CHECK_SECONDS
        is_workerless = False
        if is_full:
            self._checked_at = time.monotonic()
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
    """Return the states of those tasks that are in a wanted state."""
    # The database filters by state, because most tasks have not reached theirs.
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


task_waiter = TaskWaiter()
shutdown.on_begin(task_waiter.stop)
