"""What an operator does with the admin's pages: opens them, sends forms, chooses actions; and one who may only look."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse


def page(operator: Client, name: str, /, *arguments: Any, **query: str) -> str:
    """The text of one page, which must open."""
    answer = operator.get(reverse(f"admin:{name}", args=arguments), query)
    assert answer.status_code == 200
    return answer.content.decode()


def send(operator: Client, name: str, /, *arguments: Any, **fields: Any) -> str:
    """Send a form and follow to the page that comes of it."""
    answer = operator.post(reverse(f"admin:{name}", args=arguments), fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def act(operator: Client, model: str, action: str, *rows: Any) -> str:
    """Choose an action for some rows of a list."""
    return send(operator, f"{model}_changelist", action=action, _selected_action=[row.pk for row in rows])


def listed(operator: Client, model: type[Model], /, **query: str) -> set[Any]:
    """The keys of the rows that a list shows for a query."""
    name = model._meta.label_lower.replace(".", "_")
    text = page(operator, f"{name}_changelist", **query)
    keys = model._default_manager.values_list("pk", flat=True)
    return {pk for pk in keys if reverse(f"admin:{name}_change", args=[pk]) in text}


def log_in_viewer(client: Client, app: str, permission: str) -> Client:
    """A browser with somebody logged in who may look at one kind of rows, and no more."""
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=permission))
    client.force_login(viewer)
    return client
