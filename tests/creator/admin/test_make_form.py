"""The form *Make a picture*."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from creator.models import EventKind, State, Task
from tests.factories import make_runner
from tests.operating import page

pytestmark = pytest.mark.django_db
FORM = {"prompt": " a red fox ", "model": "GPT4O", "aspect": "LANDSCAPE", "speed": "standard"}


def make(client: Client, **changes: str) -> str:
    """Send the form and follow the redirect; return the text of the page."""
    answer = client.post(reverse("admin:creator_task_add"), FORM | changes, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_picture_is_requested(operator: Client, account: Account) -> None:
    """A task for the operator by name, its page, and an entry of the audit log."""
    make_runner()
    text = make(operator)
    task = Task.objects.get()
    assert (task.prompt, task.model, task.aspect, task.speed) == ("a red fox", "GPT4O", "LANDSCAPE", "standard")
    assert (task.kind, task.state, task.caller_id, task.route) == ("image", State.QUEUED, "operator:admin", "admin")
    assert task.counted_on is None and task.events.get().kind == EventKind.ACCEPTED
    assert "The pictures appear here" in text and 'data-live="html"' in text and "operator admin" in text
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_id, entry.object_repr) == (ADDITION, str(task.pk), "a red fox")
    assert str(task.pk) in page(operator, "creator_task_changelist", user="operator:admin")
    assert str(task.pk) in page(operator, "creator_task_changelist", q="operator:admin")


def test_an_error_of_the_service_is_the_forms_error(operator: Client) -> None:
    """Without an account nothing is written; the input stays."""
    text = make(operator)
    assert "account" in text.lower() and " a red fox" in text and 'name="prompt"' in text
    assert not Task.objects.exists() and not LogEntry.objects.exists()
    assert "This field is required" in make(operator, prompt=" ")
    assert "Select a valid choice" in make(operator, model="OTHER")


def test_only_those_who_may_add_tasks_see_it(client: Client) -> None:
    """Operators of the group `operator` do, of the group `viewer` do not."""
    for name, status in (("viewer", 403), ("operator", 200)):
        user = User.objects.create_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name=name))
        client.force_login(user)
        assert client.get(reverse("admin:creator_task_add")).status_code == status
        assert (reverse("admin:creator_task_add") in page(client, "creator_task_changelist")) == (status == 200)
