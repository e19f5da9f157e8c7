"""Waiting requests: told when their task ends, however it ends, and without a thread each."""

from __future__ import annotations

import asyncio
import threading
import uuid

import pytest
from asgiref.sync import sync_to_async

from bingproject.errors import NoWorkerError
from creator import watcher as module
from creator.models import State, Task
from creator.watcher import ANSWERED, FINAL, Watcher
from tests.factories import make_runner, make_task

pytestmark = pytest.mark.django_db(transaction=True)


def _move(task: Task, state: str) -> None:
    Task.objects.filter(pk=task.pk).update(state=state)


def test_a_waiter_is_told_when_the_task_ends() -> None:
    """The row changes in another thread, and the coroutine goes on."""
    task = make_task(state=State.POLLING, images=["https://th.bing.com/th/id/a"])
    make_runner()

    async def run() -> list[Task] | None:
        waiting = asyncio.create_task(Watcher().wait([task.pk], FINAL, 10))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await sync_to_async(_move, thread_sensitive=False)(task, State.COMPLETED)
        return await waiting

    (ended,) = asyncio.run(run()) or []
    assert (ended.pk, ended.state, ended.image_urls) == (task.pk, State.COMPLETED, ["https://th.bing.com/th/id/a"])


def test_what_has_ended_already_is_answered_at_once() -> None:
    """No change is needed when the state is there before the waiter."""
    task = make_task(state=State.FAILED)
    make_runner()
    assert asyncio.run(Watcher().wait([task.pk], FINAL, 10)) == [task]


def test_all_tasks_of_a_request_are_waited_for() -> None:
    """One of two is not enough; when time is up the answer is no."""
    done, running = make_task(state=State.COMPLETED), make_task(state=State.POLLING)
    make_runner()
    assert asyncio.run(Watcher().wait([done.pk, running.pk], FINAL, 0.5)) is None


def test_a_video_is_answered_when_bing_has_taken_it() -> None:
    """Polling is an answer for who waits for acceptance, submitting is not."""
    taken, sending = make_task(state=State.POLLING), make_task(state=State.SUBMITTING)
    make_runner()
    assert asyncio.run(Watcher().wait([taken.pk], ANSWERED, 5)) == [taken]
    assert asyncio.run(Watcher().wait([sending.pk], ANSWERED, 0.4)) is None


def test_a_task_that_does_not_exist_never_ends() -> None:
    """A pruned row is not an answer: the caller's time runs out."""
    make_runner()
    assert asyncio.run(Watcher().wait([uuid.uuid4()], FINAL, 0.4)) is None


def test_a_waiter_who_leaves_leaves_nothing_behind() -> None:
    """Cancelling the request forgets its watch, and the loop ends when nobody waits."""
    task = make_task(state=State.POLLING)
    make_runner()

    async def run() -> None:
        watcher = Watcher()
        waiting = asyncio.create_task(watcher.wait([task.pk], FINAL, 30))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not watcher._waiting
        await asyncio.sleep(0.3)
        assert watcher._loop_task is not None
        assert watcher._loop_task.done()

    asyncio.run(run())


def test_when_nobody_works_the_waiters_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No live runner for the time allowed: NoWorkerError instead of a silent wait."""
    monkeypatch.setattr(module, "WORKERLESS_SECONDS", 0.0)
    monkeypatch.setattr(module, "FULL_LOOK_SECONDS", 0.1)
    task = make_task()
    with pytest.raises(NoWorkerError):
        asyncio.run(Watcher().wait([task.pk], FINAL, 10))


def test_many_waiters_share_one_thread() -> None:
    """Three hundred waiting requests cost no thread of their own."""
    tasks = [make_task(state=State.POLLING) for _ in range(300)]
    make_runner()

    async def run() -> tuple[int, int]:
        watcher = Watcher()
        before = threading.active_count()
        waits = [asyncio.create_task(watcher.wait([task.pk], FINAL, 20)) for task in tasks]
        await asyncio.sleep(0.5)
        grown = threading.active_count() - before
        await sync_to_async(Task.objects.all().update, thread_sensitive=False)(state=State.COMPLETED)
        return sum(len(ended or []) for ended in await asyncio.gather(*waits)), grown

    told, grown = asyncio.run(run())
    assert told == 300
    assert grown <= 2
