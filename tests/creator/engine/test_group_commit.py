"""Group commits: together if all is well, alone if one write fails, again after an outage."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, DataError, OperationalError, connection
from django.utils import timezone

from creator.engine.group_commit import GroupCommit
from creator.models import Task, TaskEvent
from tests.factories import make_task

pytestmark = pytest.mark.django_db(transaction=True)


def _rename(task: Task, prompt: str) -> int:
    return Task.objects.filter(pk=task.pk).update(prompt=prompt)


def test_writes_that_come_together_are_committed_together() -> None:
    """Twenty writes of twenty coroutines take one transaction, and each gets its own result."""
    tasks = [make_task() for _ in range(20)]
    commits: list[int] = []

    async def run() -> list[int]:
        group_commit = GroupCommit()
        flusher = asyncio.create_task(group_commit.run())
        first = group_commit.write(lambda: connection.in_atomic_block)
        results = await asyncio.gather(*(group_commit.write(partial(_rename, task, "x")) for task in tasks), first)
        commits.append(len(results))
        group_commit.close()
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
        group_commit = GroupCommit()
        flusher = asyncio.create_task(group_commit.run())
        other = await sync_to_async(make_task)()
        results = await asyncio.gather(
            group_commit.write(broken), group_commit.write(lambda: _rename(other, "fine")), return_exceptions=True
        )
        group_commit.close()
        await flusher
        return list(results)

    failure, success = asyncio.run(run())
    assert isinstance(failure, ValueError)
    assert success == 1
    assert Task.objects.get(pk=task.pk).prompt != "must not stay"
    assert Task.objects.filter(prompt="fine").count() == 1


def test_a_commit_is_retried_after_an_outage() -> None:
    """Until the database accepts it, and nothing is lost."""
    task = make_task()
    tries: list[int] = []

    def write() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("server closed the connection unexpectedly")
        return _rename(task, "written")

    async def run() -> int:
        group_commit = GroupCommit()
        flusher = asyncio.create_task(group_commit.run())
        result = await group_commit.write(write)
        group_commit.close()
        await flusher
        return result

    assert asyncio.run(run()) == 1
    assert len(tries) == 3
    assert Task.objects.get(pk=task.pk).prompt == "written"


def test_a_cancelled_caller_does_not_cancel_its_write() -> None:
    """A generation is dropped while its result is being written: the result is written."""
    task = make_task()

    async def run() -> None:
        group_commit = GroupCommit()
        writer = asyncio.create_task(group_commit.write(lambda: _rename(task, "written")))
        await asyncio.sleep(0)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        assert not group_commit.is_empty
        group_commit.close()
        await group_commit.run()

    asyncio.run(run())
    assert Task.objects.get(pk=task.pk).prompt == "written"


def _together(*changes: Callable[[], Any]) -> list[Any]:
    """Write all in one group commit; return their results and errors."""

    async def run() -> list[Any]:
        group_commit = GroupCommit()
        flusher = asyncio.create_task(group_commit.run())
        results = await asyncio.wait_for(
            asyncio.gather(*(group_commit.write(change) for change in changes), return_exceptions=True), 30
        )
        group_commit.close()
        await flusher
        return results

    return asyncio.run(run())


def _refused_value() -> int:
    """Write a value that PostgreSQL refuses and SQLite, which has no lengths, accepts."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::int", ["no number"])
    raise DataError("value out of range")


def _refused_at_the_commit() -> int:
    """Write a row of a deleted task: both databases check that when the transaction ends."""
    return TaskEvent.objects.create(task_id=uuid.uuid4(), at=timezone.now(), kind="accepted").pk


def _no_such_table() -> None:
    """Raise OperationalError on SQLite, ProgrammingError on PostgreSQL; retrying helps for neither."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")


def _too_many_variables() -> None:
    """Use more values than SQLite accepts in one statement: an OperationalError that retrying does not help."""
    marks = ", ".join(["%s"] * 300_000)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 WHERE 1 IN ({marks})", [1] * 300_000)


ON_SQLITE = pytest.mark.skipif(connection.vendor != "sqlite", reason="psycopg writes the values into the statement")


@pytest.mark.parametrize(
    "refused",
    [_refused_value, _refused_at_the_commit, _no_such_table, pytest.param(_too_many_variables, marks=ON_SQLITE)],
)
def test_a_refused_write_fails_alone(refused: Callable[[], int]) -> None:
    """A value that no database ever accepts reaches its own caller; the other writes are committed at once."""
    tasks = [make_task() for _ in range(4)]
    writes = [partial(_rename, task, "written") for task in tasks]
    first, second, failure, third, fourth = _together(*writes[:2], refused, *writes[2:])
    assert [first, second, third, fourth] == [1, 1, 1, 1]
    assert isinstance(failure, DatabaseError)
    assert Task.objects.filter(prompt="written").count() == 4


def test_a_lost_savepoint_rolls_the_whole_group_back() -> None:
    """If not even the savepoint can be rolled back, nothing counts as written, and the group is retried."""
    task = make_task()
    tries: list[int] = []

    def lose_the_savepoint() -> int:
        tries.append(1)
        if len(tries) == 1:
            with connection.cursor() as cursor:
                cursor.execute(f"RELEASE SAVEPOINT {connection.savepoint_ids[-1]}")
            raise DataError("a value that is refused")
        return 1

    assert _together(partial(_rename, task, "written"), lose_the_savepoint) == [1, 1]
    assert len(tries) == 2
    assert Task.objects.get(pk=task.pk).prompt == "written"
