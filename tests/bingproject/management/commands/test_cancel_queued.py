"""`manage.py cancel_queued`: what it says; what it does is told in tests/creator/services/test_restores.py."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from creator.models import State, Task
from tests.factories import make_task


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 queued tasks are"), (1, "1 queued task is"), (2, "2 queued tasks are")]
)
def test_it_cancels_and_says_how_many(count: int, told: str) -> None:
    """And what to do next."""
    for _ in range(count):
        make_task()
    shown = StringIO()
    call_command("cancel_queued", stdout=shown)
    assert shown.getvalue() == f"{told} cancelled. Start the worker now.\n"
    assert not Task.objects.filter(state=State.QUEUED).exists()
