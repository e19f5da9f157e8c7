"""Finding a few of a million tasks by a word: an id, Bing's request id, how the prompt begins, who asked."""

from __future__ import annotations

import uuid

from django.db.models import CharField, Q, Value
from django.db.models.functions import Left, Lower

from creator.models import Task, TaskQuerySet

INDEXED_CHARACTERS = 40  # as much of a prompt as the index of migration 0031 has


def search_tasks(rows: TaskQuerySet, text: str) -> TaskQuerySet:
    """Those that the text means; all for a blank one. Letters of the prompt may be large or small."""
    text = text.strip()
    if not text:
        return rows
    try:
        return rows.filter(pk=uuid.UUID(text))
    except ValueError:
        pass
    beginning = Lower(Left("prompt", INDEXED_CHARACTERS), output_field=CharField())
    found = rows.alias(beginning=beginning)
    begins = Q(beginning__startswith=Lower(Value(text[:INDEXED_CHARACTERS])))
    if len(text) > INDEXED_CHARACTERS:
        begins &= Q(prompt__istartswith=text)
    return found.filter(begins | Q(request_id=text) | Q(holder__in=(text, f"user:{text}")))


def retries_of(task: Task) -> list[uuid.UUID]:
    """The tasks that operators had this one tried again with, the newest first."""
    rows = Task.objects.filter(retry_of=task.pk).order_by("-created_at", "-id")
    return list(rows.values_list("pk", flat=True))
