"""Finding tasks by a word, and by an index where there are very many."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection

from creator.models import Task
from creator.services import search_tasks
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def found(text: str) -> set[uuid.UUID]:
    """What a word finds."""
    return {task.pk for task in search_tasks(Task.objects.all(), text)}


def test_a_word_may_be_an_id_a_request_a_beginning_or_a_user() -> None:
    """Letters may be large or small; not what the prompt contains, nor part of an id."""
    long = "A Lighthouse at dawn, with more words than an index takes in"
    fox = make_task(prompt="A red fox", request_id="1-abc", holder="user:anna")
    light = make_task(prompt=long)
    assert found(str(fox.pk)) == found(f" {fox.pk.hex} ") == found("1-abc") == found("anna") == {fox.pk}
    assert found("a RED") == found("user:anna") == {fox.pk}
    assert found(long) == found(long[:45]) == found(long.lower()) == {light.pk}
    assert found(long[:45] + "x") == found("fox") == found("1-ab") == found(str(uuid.uuid4())) == set()
    assert found(" ") == {fox.pk, light.pk}


def test_signs_of_patterns_are_letters() -> None:
    """A per cent sign finds prompts that begin with one."""
    sale = make_task(prompt="100% wool_coat")
    make_task(prompt="100 wool coats")
    assert found("100%") == found("100% WOOL_") == {sale.pk}
    assert found("%") == found("_") == set()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads the table")
def test_a_beginning_is_looked_up_in_its_index() -> None:
    """With sequential scans forbidden the plan names the index of migration 0031: text and expression agree."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "task_prompt_begins" in search_tasks(Task.objects.order_by(), "a red fox").explain()
