"""The audit log of operators: Django's log of the admin, with every action in it.

An entry has operator, time, row and the name of the action. It never has a value, which may be a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

# Django has 1, 2 and 3 for rows added, changed and deleted by a form.
ACTED = 4
# An action on more rows gets one entry with their number.
MOST_ENTRIES = 1000
REPR_CHARACTERS = 200  # the width of Django's column


def record(
    request: HttpRequest, model: type[Model], rows: Sequence[Model], what: str, *, row_count: int | None = None
) -> None:
    """Log an action of the request's operator on these rows; without rows, on the whole list."""
    count = len(rows) if row_count is None else row_count
    operator: Any = request.user  # never anonymous in the admin
    kind = ContentType.objects.get_for_model(model, for_concrete_model=False)
    named: list[tuple[str | None, str]]
    if 0 < count <= MOST_ENTRIES:
        named = [(str(row.pk), str(row)[:REPR_CHARACTERS]) for row in rows]
    else:
        named = [(None, f"{count:,} {model._meta.verbose_name_plural}" if count else "")]
    LogEntry.objects.bulk_create(
        LogEntry(
            user=operator,
            content_type=kind,
            object_id=row_id,
            object_repr=name,
            action_flag=ACTED,
            change_message=what,
        )
        for row_id, name in named
    )
