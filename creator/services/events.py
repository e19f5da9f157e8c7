"""Write a task's timeline for operators: one row for each step, in the transaction that takes the step.

The SQL is fixed text, because every generation takes several steps and building a query costs more than running it.
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
# Raw SQL bypasses the fields' checks, so `_values` applies them: a page's text may contain what PostgreSQL refuses.
_TEXT_FIELDS = [
    field for field in TaskEvent._meta.concrete_fields if field.name in ("text", "account_name", "request_id")
]
_COLUMNS = "(task_id, at, kind, text, account_name, request_id)"
_INSERT = f"INSERT INTO creator_taskevent {_COLUMNS} VALUES "
# Guarded like every write of a runner: one that has lost the task must not add steps to its timeline.
_INSERT_IF_POLLING = f"""
INSERT INTO creator_taskevent {_COLUMNS}
SELECT id, %s, %s, %s, %s, '' FROM creator_task WHERE id = %s AND runner = %s AND state = 'polling'
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a task's timeline."""

    task_id: uuid.UUID
    kind: EventKind
    at: datetime
    text: str = ""
    account_name: str = ""
    request_id: str = ""


def log_steps(*steps: Step) -> None:
    """Add steps to their tasks' timelines, in the caller's transaction."""
    for start in range(0, len(steps), ROWS_AT_ONCE):
        some = steps[start : start + ROWS_AT_ONCE]
        values = [value for step in some for value in _values(step)]
        with connection.cursor() as cursor:
            cursor.execute(_INSERT + ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(some)), values)


def log_poll(step: Step, runner: str) -> bool:
    """Add a step about a poll if the runner still polls the task; return False if it does not."""
    task_id, *values, _ = _values(step)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_IF_POLLING, [*values, task_id, runner])
        return bool(cursor.rowcount)


def _values(step: Step) -> list[Any]:
    key = Task._meta.pk.get_db_prep_value(step.task_id, connection)
    moment = connection.ops.adapt_datetimefield_value(step.at)
    text = step.text if len(step.text) <= LONGEST_TEXT else f"{step.text[: LONGEST_TEXT - 1]}…"
    texts = zip(_TEXT_FIELDS, (text, step.account_name, step.request_id), strict=True)
    return [key, moment, str(step.kind), *(field.get_db_prep_save(value, connection) for field, value in texts)]
