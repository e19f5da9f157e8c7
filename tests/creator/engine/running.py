"""Run the real engine in a test: a runner in this process against a sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asgiref.sync import sync_to_async
from django.db import connection

from bingproject.cluster import stop_flag
from bingproject.upstream.http_client import ConnectionPool
from creator.engine.runner import RunnerSlice
from creator.models import State, Task
from creator.services import claims


def run_until(condition: Callable[[], object], *, limit_seconds: float = 20) -> str:
    """Run a real runner until `condition()` holds or the limit is over, then stop it as a SIGTERM would."""

    async def run() -> str:
        async with ConnectionPool() as pool:
            slice_task = asyncio.create_task(RunnerSlice(pool).run(limit_seconds))
            while not slice_task.done() and not await sync_to_async(condition)():  # noqa: ASYNC110 - the condition is a question to the database
                await asyncio.sleep(0.03)
            stop_flag.request_stop()
            return await slice_task

    stop_flag.prepare()
    try:
        return asyncio.run(run())
    finally:
        stop_flag.prepare()


def all_finished() -> bool:
    """True if no task is open."""
    return not Task.objects.unfinished().exists()


def is_polling(task: Task) -> Callable[[], bool]:
    """Return a condition: Bing has accepted the task."""
    return lambda: Task.objects.filter(pk=task.pk, state=State.POLLING).exists()


def reload(task: Task) -> Task:
    """Return the present row."""
    return Task.objects.get(pk=task.pk)


def claim_one(runner_id: str, kind: str = "image") -> Task:
    """Claim the one queued task as this runner."""
    (task,) = claims.claim(runner_id, [kind], 16)
    return task


@contextmanager
def refuse_updates(condition: str) -> Iterator[None]:
    """Let the database refuse updates of tasks for which this SQL condition on NEW holds, by a trigger."""
    on = f"BEFORE UPDATE ON creator_task FOR EACH ROW WHEN ({condition})"
    if connection.vendor == "postgresql":
        make = [
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END'",
            f"CREATE TRIGGER refuse {on} EXECUTE FUNCTION refuse()",
        ]
        drop = ["DROP TRIGGER refuse ON creator_task", "DROP FUNCTION refuse"]
    else:
        make = [f"CREATE TRIGGER refuse {on} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
        drop = ["DROP TRIGGER refuse"]
    with connection.cursor() as cursor:
        for statement in make:
            cursor.execute(statement)
        yield
        for statement in drop:
            cursor.execute(statement)
