"""Search for tasks by id, words or user, with indexes for large tables."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from creator.models import Task
from creator.services import prune_tasks, search_tasks
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def found(text: str) -> set[uuid.UUID]:
    """Return the tasks that a text finds."""
    return {task.pk for task in search_tasks(Task.objects.all(), text)}


def test_a_text_may_be_an_id_a_request_words_or_a_user() -> None:
    """Any words of the prompt, but no part of an id; callers without a key are a filter, not a word."""
    fox = make_task(prompt="A red fox", request_id="1-abc", caller_id="user:anna")
    light = make_task(prompt="An open lighthouse at dawn")
    assert found(str(fox.pk)) == found(f" {fox.pk.hex} ") == found("1-abc") == found("anna") == {fox.pk}
    assert found("a RED") == found("user:anna") == found("fox") == {fox.pk}
    assert found("dawn") == found("at light") == found("open") == {light.pk}
    assert found("ox") == found("1-ab") == found(str(uuid.uuid4())) == set()
    assert found(" ") == {fox.pk, light.pk}


def test_a_text_without_a_word_is_the_beginning() -> None:
    """Wildcards of SQL patterns are literal."""
    sale = make_task(prompt="% off: wool_coat")
    make_task(prompt="100 wool coats")
    assert found("%") == {sale.pk}
    assert found("_") == found("!") == set()


def test_pruned_tasks_leave_the_index(settings: Settings) -> None:
    """The words of other tasks stay."""
    old = timezone.now() - timedelta(days=settings.TASK_RETENTION_DAYS + 1)
    make_task(prompt="an old fox", state="completed", created_at=old, finished_at=old)
    young = make_task(prompt="a young fox")
    assert prune_tasks(timezone.now()) == 1 and found("fox") == {young.pk}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM creator_taskwords")
        assert cursor.fetchone() == (1,)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads the table")
def test_a_beginning_is_looked_up_in_its_index() -> None:
    """With sequential scans forbidden, the plan names the index, so text and expression agree."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "task_prompt_begins" in search_tasks(Task.objects.order_by(), "!!").explain()
