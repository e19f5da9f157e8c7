"""The queue's pages and operators' log-ins in the admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import escape
from django_q.models import OrmQ, Schedule
from django_q.models import Task as Job
from django_q.tasks import async_task
from unfold.admin import ModelAdmin

from accounts.models import Account
from bingproject.conf.environment import new_seal_key
from bingproject.operators.admin import PAGES
from bingproject.security.encryption import EncryptedTextField, encrypt
from chat.models import Conversation
from creator.models import Task
from tests.chat.turns import make_conversation
from tests.factories import make_account, make_task
from tests.operating import page
from tests.waiting_jobs import IS_IN_DATABASE, forget_jobs, waiting_jobs

pytestmark = pytest.mark.django_db


def make_job(name: str, *, success: bool) -> Job:
    """A job that has run."""
    now = timezone.now()
    return Job.objects.create(
        id=name.ljust(32, "0"),
        name=name,
        func="accounts.jobs.check_accounts",
        started=now - timedelta(seconds=2),
        stopped=now,
        result="2 ok" if success else "Traceback: it failed",
        success=success,
    )


def test_finished_jobs_can_be_looked_at(operator: Client) -> None:
    """Successes and failures on their own pages, with what came of them."""
    for model, success, result in (("success", True, "2 ok"), ("failure", False, "it failed")):
        job = make_job(f"job-{model}", success=success)
        assert job.name in page(operator, f"django_q_{model}_changelist")
        text = page(operator, f"django_q_{model}_change", job.pk)
        assert result in text and "2.0" in text
    assert "job-failure" not in page(operator, "django_q_success_changelist")


@pytest.mark.skipif(not IS_IN_DATABASE, reason="jobs in Redis have no page")
def test_queued_jobs_can_be_looked_at(operator: Client) -> None:
    """What waits for a worker."""
    async_task("accounts.jobs.check_account", 1, task_name="check account 1")
    assert "check account 1" in page(operator, "django_q_ormq_changelist")
    assert "accounts.jobs.check_account" in page(operator, "django_q_ormq_change", OrmQ.objects.get().pk)


@pytest.mark.parametrize("model", ["success", "failure", *(["ormq"] if IS_IN_DATABASE else [])])
def test_nothing_of_the_queue_can_be_changed(operator: Client, model: str) -> None:
    """No adding, changing, deleting, and no action that would send a job again."""
    forget_jobs()
    make_job("job", success=model == "success")
    async_task("accounts.jobs.check_account", 1)
    queued = waiting_jobs()
    pk = OrmQ.objects.get().pk if model == "ormq" else Job.objects.get().pk
    for way, arguments in (("add", []), ("change", [pk]), ("delete", [pk])):
        answer = operator.post(reverse(f"admin:django_q_{model}_{way}", args=arguments), {"post": "yes"})
        assert answer.status_code == 403
    for action in ("delete_selected", "resubmit_task"):
        chosen = {"action": action, "_selected_action": [pk]}
        operator.post(reverse(f"admin:django_q_{model}_changelist"), chosen)
    assert waiting_jobs() == queued and len(queued) == Job.objects.count() == 1


def test_schedules_have_no_page(operator: Client) -> None:
    """Their form would run any dotted path."""
    assert not admin.site.is_registered(Schedule)
    with pytest.raises(NoReverseMatch):
        reverse("admin:django_q_schedule_add")
    assert operator.get("/admin/django_q/schedule/add/").status_code == 404


def test_operators_and_their_groups(operator: Client) -> None:
    """A new operator is made in the theme's forms and can be looked at; so can a group."""
    page(operator, "auth_user_add")
    password = "a-long-Passphrase-9"
    fields = {"username": "bert", "password1": password, "password2": password, "usable_password": "true"}
    assert operator.post(reverse("admin:auth_user_add"), fields).status_code == 302
    bert = User.objects.get(username="bert")
    assert bert.check_password(password)
    assert "bert" in page(operator, "auth_user_changelist")
    assert password not in page(operator, "auth_user_change", bert.pk)
    page(operator, "auth_user_password_change", bert.pk)
    group = Group.objects.create(name="watchers")
    assert "watchers" in page(operator, "auth_group_changelist")
    page(operator, "auth_group_change", group.pk)


def test_every_page_wears_the_theme(operator: Client) -> None:
    """The index opens with all apps, and no page is left in Django's own style."""
    page(operator, "index")
    plain = [model.__name__ for model, shown in admin.site._registry.items() if not isinstance(shown, ModelAdmin)]
    assert plain == []


def titles(client: Client) -> dict[str, list[str]]:
    """The index: groups and the pages in them, each of which must open."""
    found = {}
    for group in client.get(reverse("admin:index")).context["sidebar_navigation"]:
        found[group["title"]] = [item["title"] for item in group["items"]]
        assert [client.get(item["link"]).status_code for item in group["items"]] == [200] * len(group["items"])
    return found


def test_the_index_leads_to_every_page(operator: Client) -> None:
    """All registered models stand in it, each with a word on what it is for."""
    shown = titles(operator)
    assert sum(map(len, shown.values())) == len(admin.site._registry)
    assert shown["Queue"] == [*(["Waiting jobs"] if IS_IN_DATABASE else []), "Finished jobs", "Failed jobs"]
    answer = operator.get(reverse("admin:index"))
    hints = [item["hint"] for group in answer.context["sidebar_navigation"] for item in group["items"]]
    assert all(hint and escape(hint) in answer.content.decode() for hint in hints)


def test_a_page_is_called_what_the_menu_calls_it(operator: Client) -> None:
    """Its heading, its title and its messages use the menu's words: “Log-ins” is not “Users” inside."""
    for items in PAGES.values():
        for title, _, label in items:
            model = apps.get_model(label)
            plural = str(model._meta.verbose_name_plural)
            assert title in ("Record", f"{plural[:1].upper()}{plural[1:]}"), label
    text = page(operator, "auth_user_changelist")
    heading = text.partition("chevron_right")[2][:600]
    assert "Log-ins" in heading and "Users" not in heading
    somebody = User.objects.create_user("anna")
    assert ">anna" in re.sub(r"\s+", "", page(operator, "auth_user_change", somebody.pk))


def test_a_rows_name_is_written_as_it_is(operator: Client) -> None:
    """An account `first` is not “First”."""
    account = make_account("first")
    text = re.sub(r">\s+", ">", page(operator, "accounts_account_change", account.pk))
    assert ">first" in text and "First" not in text.partition("<body")[2]


def test_the_index_shows_only_what_one_may_see(client: Client) -> None:
    """An operator with one permission finds one page; one without any is told so."""
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(clerk)
    assert titles(client) == {} and "may not see anything" in page(client, "index")
    clerk.user_permissions.add(Permission.objects.get(codename="view_account"))
    assert titles(client) == {"Bing": ["Accounts"]}


def test_the_tabs_icon(operator: Client) -> None:
    """Every page names it, so that no browser asks for /favicon.ico in vain."""
    assert 'href="/static/bingproject/icon.svg"' in page(operator, "index")


def _has_encrypted(model: type[Model]) -> bool:
    return any(isinstance(column, EncryptedTextField) for column in model._meta.concrete_fields)


SEALED_ROWS: dict[type[Model], Callable[[], Any]] = {Account: make_account, Conversation: make_conversation}


def test_every_page_opens_without_the_seal_key(operator: Client, settings: Any) -> None:
    """Lists, single pages and what counts accounts: a lost key takes no page along."""
    assert {model for model in admin.site._registry if _has_encrypted(model)} == set(SEALED_ROWS)
    rows: dict[type[Model], Any] = {model: make() for model, make in SEALED_ROWS.items()}
    for model, row in rows.items():
        names = [column.name for column in model._meta.concrete_fields if isinstance(column, EncryptedTextField)]
        model._default_manager.filter(pk=row.pk).update(**{name: encrypt('{"a": "b"}') for name in names})
    task = make_task(account=rows[Account], state="failed", error_code="no_account", finished_at=timezone.now())
    settings.SEAL_KEYS = [new_seal_key()]
    for model, row in (rows | {Task: task}).items():
        name = model._meta.label_lower.replace(".", "_")
        page(operator, f"{name}_changelist")
        page(operator, f"{name}_change", row.pk)
    for name in ("index", "accounts_whitelisteduser_changelist", "accounts_apikey_changelist"):
        page(operator, name)
