"""Search among millions of tasks: by id, Bing's request id, words of the prompt, or caller."""

from __future__ import annotations

import uuid

from django.db.models import CharField, Q, Value
from django.db.models.functions import Left, Lower

from bingproject.database.word_search import WordIndex, read_terms
from creator.models import Task, TaskQuerySet

TASK_WORDS = WordIndex("creator_task", "prompt", "uuid")
INDEXED_CHARACTERS = 40  # length of the prompt's beginning in the index `task_prompt_begins`


def search_tasks(rows: TaskQuerySet, text: str) -> TaskQuerySet:
    """Return the rows that match the text; all rows for a blank one.

    Each word must begin a word of the prompt, in any order: "fox sno" finds "A red fox in snow". Words in quotes must
    be adjacent. A text without a letter or digit must be the beginning of the prompt.
    """
    text = text.strip()
    if not text:
        return rows
    try:
        return rows.filter(pk=uuid.UUID(text))
    except ValueError:
        pass
    terms = read_terms(text)
    if not terms:
        beginning = Lower(Left("prompt", INDEXED_CHARACTERS), output_field=CharField())
        return rows.alias(beginning=beginning).filter(beginning__startswith=Lower(Value(text[:INDEXED_CHARACTERS])))
    caller_id = text if text.startswith(("user:", "operator:")) else f"user:{text}"
    named = Q(request_id=text) | Q(caller_id=caller_id)
    # A query of its own first, because PostgreSQL cannot combine the indexes of an OR: a word of every prompt would
    # take seconds.
    is_named = " " not in text and Task.objects.filter(named).exists()
    return rows.filter(TASK_WORDS.matching(terms) | named if is_named else TASK_WORDS.matching(terms))


def retries_of(task: Task) -> list[uuid.UUID]:
    """Return the ids of the tasks that retry this one, newest first."""
    rows = Task.objects.filter(retry_of=task.pk).order_by("-created_at", "-id")
    return list(rows.values_list("pk", flat=True))
