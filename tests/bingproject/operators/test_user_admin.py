"""Pages about log-ins: locks are lifted, log-ins looked at, a lost second factor removed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from bingproject.models import Authenticator
from bingproject.security import roles
from tests.bingproject.security.authenticators import PASSWORD, make_operator, send_password, set_up

pytestmark = pytest.mark.django_db
LOCKS = "/admin/axes/accessattempt/"


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser with an operator logged in."""
    client.force_login(make_operator("admin"))
    return client


def act(client: Client, path: str, action: str, *rows: int) -> str:
    """Choose an action for some rows of a list."""
    answer = client.post(path, {"action": action, "_selected_action": list(rows)}, follow=True)
    return answer.content.decode()


def lock(name: str, *agents: str) -> None:
    """Five wrong passwords, in turn with these browsers."""
    make_operator(name)
    for number in range(5):
        agent = {"user-agent": agents[number % len(agents)]}
        Client(headers=agent).post("/admin/login/", {"username": name, "password": "wrong"})


def test_a_lock_is_lifted(operator: Client) -> None:
    """The list shows it, the side bar counts it, the action ends it at once, whatever browsers it was made with."""
    lock("bert", "one", "two")
    assert "Too many" in send_password(Client(), "bert")
    page = operator.get(LOCKS).content.decode()
    assert "bert" in page and "127.0.0.1" in page and PASSWORD not in page
    assert "1 may log in again" in act(operator, LOCKS, "lift", AccessAttempt.objects.earliest("pk").pk)
    assert not AccessAttempt.objects.exists()
    assert "Too many" not in send_password(Client(), "bert")


def test_the_side_bar_counts_locks(operator: Client) -> None:
    """Five of one browser are a lock; what is over is neither counted nor listed."""
    lock("bert", "one")
    page = operator.get(LOCKS)
    assert page.context["cl"].model_admin.badge(page.wsgi_request) == "1" and "Locked" in page.content.decode()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    page = operator.get(LOCKS)
    assert page.context["cl"].model_admin.badge(page.wsgi_request) == "" and "bert" not in page.content.decode()


def test_locks_and_log_ins_cannot_be_written(operator: Client) -> None:
    """No adding, no changing; log-ins so far are only looked at."""
    send_password(Client(), "admin")
    assert "127.0.0.1" in operator.get("/admin/axes/accesslog/").content.decode()
    for path in (f"{LOCKS}add/", "/admin/axes/accesslog/add/"):
        assert operator.get(path).status_code == 403
    assert "delete_selected" not in operator.get(LOCKS).content.decode()


def test_a_superuser_removes_a_second_factor(operator: Client) -> None:
    """For somebody who lost theirs; it is in the record, and only superusers have the action."""
    bert = make_operator("bert")
    other = Client()
    send_password(other, "bert")
    set_up(other)
    path = "/admin/auth/user/"
    assert "1 removed" in act(operator, path, "remove_second_factor", bert.pk)
    assert "0 removed" in act(operator, path, "remove_second_factor", bert.pk)
    assert not Authenticator.objects.exists()
    entries = LogEntry.objects.filter(object_id=str(bert.pk), user__username="admin")
    assert [entry.change_message for entry in entries] == ["Remove the second factor"] * 2


def test_who_manages_log_ins_cannot_remove_a_second_factor() -> None:
    """The permission to change log-ins is not enough to get past somebody's factor."""
    carl = User.objects.create_user("carl", password=PASSWORD, is_staff=True)
    group = Group.objects.create(name="log-ins")
    group.permissions.set(roles.permissions_named(("auth.view_user", "auth.change_user")))
    carl.groups.add(group)
    client = Client()
    send_password(client, "carl")
    page = client.get("/admin/auth/user/").content.decode()
    assert "carl" in page and "remove_second_factor" not in page


def test_groups_say_what_they_are_for(operator: Client) -> None:
    """The hint names both that are made by a migration."""
    page = operator.get("/admin/auth/group/").content.decode()
    assert "viewer may look, operator may act" in page
