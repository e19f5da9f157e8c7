"""Indexes made while others write: there afterwards, also after a try that broke off."""

from __future__ import annotations

import pytest
from django.db import connection, models
from django.db.migrations.state import ProjectState

from bingproject.indexes import AddIndexWhileWriting, drop_index
from creator.models import Task


@pytest.mark.django_db(transaction=True)
def test_an_index_is_made_and_made_again() -> None:
    """The second time as after an interrupted migration; backwards it is gone."""
    index = models.Index(fields=["aspect"], name="task_trial")
    operation = AddIndexWhileWriting("task", index)
    before = ProjectState()
    before.add_model(ProjectState.from_apps(Task._meta.apps).models["accounts", "account"])
    before.add_model(ProjectState.from_apps(Task._meta.apps).models["creator", "task"])
    after = before.clone()
    operation.state_forwards("creator", after)

    def names() -> set[str]:
        with connection.cursor() as cursor:
            return set(connection.introspection.get_constraints(cursor, "creator_task"))

    with connection.schema_editor(atomic=False) as editor:
        for _ in range(2):
            operation.database_forwards("creator", editor, before, after)
            assert "task_trial" in names()
        drop_index(editor, "task_trial")
    assert "task_trial" not in names()
