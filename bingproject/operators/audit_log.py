"""The record of what operators did: Django's own log of the admin, with every action in it.

What is written down is who, when, which row, and the name of what was done. Never a value: one may be a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

# Beside Django's 1, 2 and 3 for a row added, changed and deleted through its form.
ACTED = 4
# An action on more rows than this is one entry that says how many.
MOST_ENTRIES = 1000
REPR_CHARACTERS = 200  # what Django's column holds


def record(
    request: HttpRequest, model: type[Model], rows: Sequence[Model], what: str, *, row_count: int | None = None
) -> None:
    """Write down that the request's operator did something to these rows; none means to the whole list."""
    count = len(rows) if row_count is None else row_count
    operator: Any = request.user  # the admin lets nobody in who is anonymous
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
