"""The groups `viewer` and `operator`: made by a migration, current after each, and what their members get to see."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from bingproject.security import roles
from tests.bingproject.cluster.clusters import manage
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db
QUEUE_PAGES = {"django_q.success", "django_q.failure", "django_q.ormq"}
LOG_IN_MODELS = {"auth.user", "auth.group", "bingproject.authenticator", "bingproject.recoverycode"}


@pytest.fixture(autouse=True)
def groups() -> None:
    """Both groups, as after a migration: tests of whole transactions empty the table."""
    for name in (roles.VIEWER, roles.OPERATOR):
        Group.objects.get_or_create(name=name)
    roles.bring_up_to_date()


def member(name: str) -> Client:
    """A browser of somebody in this group alone."""
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    client = Client()
    client.force_login(user)
    return client


def names(permissions: Iterable[Permission]) -> set[str]:
    """As `app.codename`."""
    return {f"{permission.content_type.app_label}.{permission.codename}" for permission in permissions}


def own_models() -> list[str]:
    """Each model of ours but those about log-ins, as `app.model`."""
    models = [model._meta for label in roles.OWN_APPS for model in apps.get_app_config(label).get_models()]
    return [meta.label_lower for meta in models if meta.label_lower not in LOG_IN_MODELS]


def test_a_viewer_may_look() -> None:
    """At everything of ours and at the queue, and do nothing else."""
    given = names(Group.objects.get(name="viewer").permissions.all())
    expected = {name.replace(".", ".view_") for name in own_models()}
    assert given >= expected | {name.replace(".", ".view_") for name in QUEUE_PAGES}
    assert all(name.partition(".")[2].startswith("view_") for name in given)
    assert not any(name.endswith(("_user", "_group", "_authenticator", "_recoverycode")) for name in given)


def test_an_operator_may_act() -> None:
    """On everything of ours; log-ins and their second factors are a superuser's, schedules nobody's."""
    given = names(Group.objects.get(name="operator").permissions.all())
    for name in own_models():
        kinds = apps.get_model(name)._meta.default_permissions  # the record has one alone: it is looked at
        assert given >= {name.replace(".", f".{kind}_") for kind in kinds}
    assert "axes.delete_accessattempt" in given
    others = {name for name in given if name.partition(".")[0] not in roles.OWN_APPS}
    assert all("view_" in name for name in others - {"axes.delete_accessattempt"})
    assert not any(name.endswith(("_user", "_group", "_schedule", "_authenticator")) for name in given)


def test_each_group_opens_its_pages() -> None:
    """A viewer opens every list but those of log-ins, and finds nothing to press; an operator finds it."""
    account, task = make_account("anna"), make_task()
    viewer, operator = member("viewer"), member("operator")
    for client in (viewer, operator):
        for model in admin.site._registry:
            meta = model._meta
            is_open = meta.label_lower in own_models() or meta.label_lower in QUEUE_PAGES
            answer = client.get(f"/admin/{meta.app_label}/{meta.model_name}/")
            if is_open:
                assert answer.status_code == 200, meta.label
            elif meta.app_label == "auth":
                assert answer.status_code == 403, meta.label
    page, may = f"/admin/accounts/account/{account.pk}/change/", "/admin/accounts/account/add/"
    assert [client.get(may).status_code for client in (viewer, operator)] == [403, 200]
    assert b'name="_save"' not in viewer.get(page).content and b'name="_save"' in operator.get(page).content
    cancel = {"action": "cancel", "_selected_action": [str(task.pk)]}
    for client, state in ((viewer, "queued"), (operator, "cancelled")):
        client.post("/admin/creator/task/", cancel)
        task.refresh_from_db()
        assert task.state == state


def test_a_later_model_is_given_too() -> None:
    """What a migration brings is given after it, and what was taken or given by hand is set right."""
    group = Group.objects.get(name="operator")
    before = names(group.permissions.all())
    group.permissions.set(Permission.objects.filter(codename__in=("add_user", "view_task")))
    call_command("migrate", verbosity=0, interactive=False)
    assert names(group.permissions.all()) == before


def test_a_group_that_was_deleted_stays_away() -> None:
    """Who does not want it is not given it again; the other is not touched."""
    Group.objects.filter(name="viewer").delete()
    roles.bring_up_to_date()
    assert list(Group.objects.values_list("name", flat=True)) == ["operator"]


@pytest.mark.slow
def test_a_fresh_database_has_both(tmp_path: Path) -> None:
    """After the first migration, with all they may."""
    assert manage(tmp_path, "migrate", "--verbosity", "0").returncode == 0
    script = (
        "from django.contrib.auth.models import Group;"
        "print(sorted((g.name, g.permissions.filter(codename='change_account').exists()) for g in Group.objects.all()))"
    )
    shown = manage(tmp_path, "shell", "--verbosity", "0", "--command", script)
    assert shown.stdout.strip() == "[('operator', True), ('viewer', False)]", shown.stderr
