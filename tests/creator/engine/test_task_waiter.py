"""Waiting requests: notified when their task ends, and without a thread each."""

from __future__ import annotations

import asyncio
import threading
import uuid

import pytest
from asgiref.sync import sync_to_async

from bingproject.errors import NoWorkerError
from creator.engine import task_waiter as module
from creator.engine.task_waiter import ANSWERED, FINAL, TaskWaiter
from creator.models import State, Task
from tests.factories import make_runner, make_task

pytestmark = pytest.mark.django_db(transaction=True)


def _move(task: Task, state: str) -> None:
    Task.objects.filter(pk=task.pk).update(state=state)


def test_a_waiter_is_notified_when_the_task_ends() -> None:
    """The row changes in another thread, and the coroutine continues."""
    task = make_task(state=State.POLLING, images=["https://th.bing.com/th/id/a"])
    make_runner()

    async def run() -> list[Task] | None:
        waiting = asyncio.create_task(TaskWaiter().wait([task.pk], FINAL, 10))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await sync_to_async(_move, thread_sensitive=False)(task, State.COMPLETED)
        return await waiting

    (ended,) = asyncio.run(run()) or []
    assert (ended.pk, ended.state, ended.image_urls) == (task.pk, State.COMPLETED, ["https://th.bing.com/th/id/a"])


def test_an_ended_task_is_returned_at_once() -> None:
    """No change is needed if the task is in the state already."""
    task = make_task(state=State.FAILED)
    make_runner()
    assert asyncio.run(TaskWaiter().wait([task.pk], FINAL, 10)) == [task]


def test_all_tasks_of_a_request_are_waited_for() -> None:
    """One of two is not enough; when the time is over the result is None."""
    done, running = make_task(state=State.COMPLETED), make_task(state=State.POLLING)
    make_runner()
    assert asyncio.run(TaskWaiter().wait([done.pk, running.pk], FINAL, 0.5)) is None


def test_a_video_is_answered_when_bing_has_accepted_it() -> None:
    """`polling` is a state that the caller waits for, `submitting` is not."""
    polling, sending = make_task(state=State.POLLING), make_task(state=State.SUBMITTING)
    make_runner()
    assert asyncio.run(TaskWaiter().wait([polling.pk], ANSWERED, 5)) == [polling]
    assert asyncio.run(TaskWaiter().wait([sending.pk], ANSWERED, 0.4)) is None


def test_a_task_that_does_not_exist_never_ends() -> None:
    """A pruned row is no answer: the caller's time runs out."""
    make_runner()
    assert asyncio.run(TaskWaiter().wait([uuid.uuid4()], FINAL, 0.4)) is None


def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    """Its watch is removed, and the loop ends when no request waits."""
    task = make_task(state=State.POLLING)
    make_runner()

    async def run() -> None:
        waiter = TaskWaiter()
        waiting = asyncio.create_task(waiter.wait([task.pk], FINAL, 30))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not waiter._waiting
        await asyncio.sleep(0.3)
        assert waiter._loop_task is not None
        assert waiter._loop_task.done()

    asyncio.run(run())


def test_waiters_are_notified_if_there_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a live runner for the time allowed, NoWorkerError ends the wait."""
    monkeypatch.setattr(module, "WORKERLESS_SECONDS", 0.0)
    monkeypatch.setattr(module, "FULL_CHECK_SECONDS", 0.1)
    task = make_task()
    with pytest.raises(NoWorkerError):
        asyncio.run(TaskWaiter().wait([task.pk], FINAL, 10))


def test_many_waiters_share_one_thread() -> None:
    """Three hundred waiting requests need no thread of their own."""
    tasks = [make_task(state=State.POLLING) for _ in range(300)]
    make_runner()

    async def run() -> tuple[int, int]:
        waiter = TaskWaiter()
        before = threading.active_count()
        waits = [asyncio.create_task(waiter.wait([task.pk], FINAL, 20)) for task in tasks]
        await asyncio.sleep(0.5)
        grown = threading.active_count() - before
        await sync_to_async(Task.objects.all().update, thread_sensitive=False)(state=State.COMPLETED)
        return sum(len(ended or []) for ended in await asyncio.gather(*waits)), grown

    notified, grown = asyncio.run(run())
    assert notified == 300
    assert grown <= 2
