"""Group commits: together when all is well, alone when one write fails, again when the database was away."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from creator.ledger import Ledger
from creator.models import Task
from tests.factories import make_task

pytestmark = pytest.mark.django_db(transaction=True)


def _rename(task: Task, prompt: str) -> int:
    return Task.objects.filter(pk=task.pk).update(prompt=prompt)


def test_writes_that_come_together_are_committed_together() -> None:
    """Twenty writes of twenty coroutines take one transaction, and each gets its own result."""
    tasks = [make_task() for _ in range(20)]
    commits: list[int] = []

    async def run() -> list[int]:
        ledger = Ledger()
        flusher = asyncio.create_task(ledger.run())
        first = ledger.write(lambda: connection.in_atomic_block)
        results = await asyncio.gather(*(ledger.write(partial(_rename, task, "x")) for task in tasks), first)
        commits.append(len(results))
        ledger.close()
        await flusher
        return list(results)

    results = asyncio.run(run())
    assert results[:20] == [1] * 20
    assert results[20] is True
    assert Task.objects.filter(prompt="x").count() == 20


def test_a_write_that_fails_fails_alone() -> None:
    """A bug in one write reaches its own caller; the others are committed."""
    task = make_task()

    def broken() -> int:
        _rename(task, "must not stay")
        raise ValueError("a bug")

    async def run() -> list[object]:
        ledger = Ledger()
        flusher = asyncio.create_task(ledger.run())
        other = await sync_to_async(make_task)()
        results = await asyncio.gather(
            ledger.write(broken), ledger.write(lambda: _rename(other, "fine")), return_exceptions=True
        )
        ledger.close()
        await flusher
        return list(results)

    failure, success = asyncio.run(run())
    assert isinstance(failure, ValueError)
    assert success == 1
    assert Task.objects.get(pk=task.pk).prompt != "must not stay"
    assert Task.objects.filter(prompt="fine").count() == 1


def test_a_database_that_was_away_gets_everything_later() -> None:
    """A commit that fails is tried again until the database takes it, and nothing is lost."""
    task = make_task()
    tries: list[int] = []

    def write() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("server closed the connection unexpectedly")
        return _rename(task, "kept")

    async def run() -> int:
        ledger = Ledger()
        flusher = asyncio.create_task(ledger.run())
        result = await ledger.write(write)
        ledger.close()
        await flusher
        return result

    assert asyncio.run(run()) == 1
    assert len(tries) == 3
    assert Task.objects.get(pk=task.pk).prompt == "kept"


def test_a_caller_who_is_cancelled_does_not_take_the_write_along() -> None:
    """A generation that is dropped while its result is being written: the result is written."""
    task = make_task()

    async def run() -> None:
        ledger = Ledger()
        writer = asyncio.create_task(ledger.write(lambda: _rename(task, "kept")))
        await asyncio.sleep(0)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        assert not ledger.is_empty
        ledger.close()
        await ledger.run()

    asyncio.run(run())
    assert Task.objects.get(pk=task.pk).prompt == "kept"
