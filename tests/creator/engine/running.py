"""Driving the real engine in a test: a runner in this process against a sandbox on a port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asgiref.sync import sync_to_async

from bingproject import stopping
from bingproject.upstream import Door
from creator.models import State, Task
from creator.runner import Runner
from creator.services import claims


def run_until(condition: Callable[[], object], *, limit_seconds: float = 20) -> str:
    """Run a real runner until `condition()` holds or the limit is over, then stop it as a SIGTERM would."""

    async def run() -> str:
        async with Door() as door:
            slice_task = asyncio.create_task(Runner(door).run(limit_seconds))
            while not slice_task.done() and not await sync_to_async(condition)():  # noqa: ASYNC110 - the condition is a question to the database
                await asyncio.sleep(0.03)
            stopping.request_stop()
            return await slice_task

    stopping.prepare()
    try:
        return asyncio.run(run())
    finally:
        stopping.prepare()


def all_finished() -> bool:
    """Whether no task is open any more."""
    return not Task.objects.unfinished().exists()


def is_polling(task: Task) -> Callable[[], bool]:
    """A condition: Bing has taken the task."""
    return lambda: Task.objects.filter(pk=task.pk, state=State.POLLING).exists()


def reload(task: Task) -> Task:
    """The row as it is now."""
    return Task.objects.get(pk=task.pk)


def claim_one(runner_id: str, kind: str = "image") -> Task:
    """Claim the one waiting task as this runner."""
    (task,) = claims.claim(runner_id, [kind], 16)
    return task
