"""A task's story for operators: one row for each step, written in the transaction that makes the step.

Fixed statements, since every generation takes some of these steps and building a query costs more than running it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from creator.models import EventKind, Task, TaskEvent

ROWS_AT_ONCE = 500
LONGEST_TEXT: int = TaskEvent._meta.get_field("text").max_length or 0
_COLUMNS = "(task_id, at, kind, text, account_name, request_id)"
_INSERT = f"INSERT INTO creator_taskevent {_COLUMNS} VALUES "
# Guarded as every write of a runner is: a runner that lost the task has nothing to tell of it any more.
_INSERT_IF_POLLING = f"""
INSERT INTO creator_taskevent {_COLUMNS}
SELECT id, %s, %s, %s, %s, '' FROM creator_task WHERE id = %s AND runner = %s AND state = 'polling'
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a task, as its page will tell it."""

    task_id: uuid.UUID
    kind: EventKind
    at: datetime
    text: str = ""
    account_name: str = ""
    request_id: str = ""


def tell(*steps: Step) -> None:
    """Add steps to their tasks' stories; the caller's transaction decides whether they happened."""
    for start in range(0, len(steps), ROWS_AT_ONCE):
        some = steps[start : start + ROWS_AT_ONCE]
        values = [value for step in some for value in _values(step)]
        with connection.cursor() as cursor:
            cursor.execute(_INSERT + ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(some)), values)


def tell_look(step: Step, runner: str) -> bool:
    """Add what a look at a result brought, as long as the runner polls the task; whether it did."""
    task_id, *values, _ = _values(step)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_IF_POLLING, [*values, task_id, runner])
        return bool(cursor.rowcount)


def _values(step: Step) -> list[Any]:
    key = Task._meta.pk.get_db_prep_value(step.task_id, connection)
    moment = connection.ops.adapt_datetimefield_value(step.at)
    text = step.text if len(step.text) <= LONGEST_TEXT else f"{step.text[: LONGEST_TEXT - 1]}…"
    return [key, moment, str(step.kind), text, step.account_name, step.request_id]
