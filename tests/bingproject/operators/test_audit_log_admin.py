"""The page "Record": who did what, when, to which row; and that no action of any page goes unrecorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.messages.storage.cookie import CookieStorage
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bingproject.operators.audit_log import ACTED
from bingproject.operators.base_admin import NewestPaginator, RecordedAdmin
from chat.models import Conversation
from creator.models import State
from tests.factories import make_account, make_key, make_task, make_user

pytestmark = pytest.mark.django_db


def make_conversation() -> Conversation:
    """A conversation that nobody is using."""
    now = timezone.now()
    return Conversation.objects.create(
        caller_id="open", origin="openai", model="balanced", account=make_account(), created_at=now, used_at=now
    )


def make_locked_log_in() -> AccessAttempt:
    """Somebody who typed wrong passwords just now."""
    return AccessAttempt.objects.create(
        username="bert", ip_address="127.0.0.1", attempt_time=timezone.now(), failures_since_start=9
    )


# A row for the actions of each page. A page with actions and no row here fails the tests below.
EXAMPLES: dict[str, Callable[[], Model | None]] = {
    "accounts.Account": make_account,
    "accounts.WhitelistedUser": make_user,
    "accounts.ApiKey": lambda: make_key()[0].key,
    "creator.Task": lambda: make_task(state=State.FAILED, error_code="timeout"),
    "chat.Conversation": make_conversation,
    "axes.AccessAttempt": make_locked_log_in,
    "auth.User": lambda: User.objects.create_user("somebody"),
    "auth.Group": lambda: Group.objects.create(name="some"),
}


# They show something and change nothing.
ONLY_SHOW = {"copy_as_curl", "creator_task_curl_this", "accounts_account_import_accounts"}


@pytest.fixture
def chief() -> User:
    """An operator who may do everything."""
    return User.objects.create_superuser("chief", password="x")


@pytest.fixture
def browser(client: Client, chief: User) -> Client:
    """Their browser."""
    client.force_login(chief)
    return client


def example(page: Any) -> Model:
    """A row of this page's kind."""
    label = page.model._meta.label
    assert label in EXAMPLES, f"{label} has actions: give it a row in EXAMPLES"
    row = EXAMPLES[label]()
    assert row is not None
    return row


def address(page: Any, way: str, *arguments: Any) -> str:
    """One of a page's addresses."""
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_{way}", args=arguments)


def list_actions(chief: User) -> Iterator[tuple[Any, str]]:
    """Every action that stands in the menu of some list."""
    request = RequestFactory().get("/")
    request.user = chief
    for page in admin.site._registry.values():
        yield from ((page, name) for name in page.get_actions(request) if name not in ONLY_SHOW)


def page_actions() -> Iterator[tuple[Any, Any, str]]:
    """Every action of the theme's four other kinds: the page, the action, its kind."""
    for page in map(_untyped, admin.site._registry.values()):
        for kind in ("list", "row", "detail", "submit_line"):
            found = getattr(page, f"_get_base_actions_{kind}")()
            yield from ((page, one, kind) for one in found if one.action_name not in ONLY_SHOW)


def _untyped(page: Any) -> Any:
    """The page: the checker does not know the theme's own methods."""
    return page


def test_every_page_records_its_actions() -> None:
    """A page that is built on something else would do so silently."""
    assert [name for name, page in admin.site._registry.items() if not isinstance(page, RecordedAdmin)] == []


def test_every_action_of_a_list_leaves_a_record(browser: Client, chief: User) -> None:
    """Whatever pages there are and whatever their menus offer: one entry for the row, with the action's name."""
    found = list(list_actions(chief))
    assert len(found) > 10
    for page, name in found:
        row = example(page)
        request = RequestFactory().get("/")
        request.user = chief
        words = str(page.get_actions(request)[name][2])
        sent = {"action": name, "_selected_action": [row.pk], "post": "yes"}
        key, text = str(row.pk), str(row)
        browser.post(address(page, "changelist"), sent)
        entry = LogEntry.objects.filter(object_id=key).order_by("id").last()
        assert entry is not None, f"{page.model._meta.label}: {name} left no record"
        assert (entry.user, entry.object_repr) == (chief, text)
        assert name == "delete_selected" or (entry.action_flag, entry.change_message) == (ACTED, words)


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_every_other_action_leaves_a_record(chief: User, rf: RequestFactory, headers: dict[str, str]) -> None:
    """The theme's buttons: above a list, in its rows, above a form, below it; as a form's and as a dialog's."""
    found = list(page_actions())
    assert found
    for page, action, kind in found:
        row = None if kind == "list" else example(page)
        request = rf.post("/", {"_form_submitted": "on"}, headers=headers)
        request.user = chief
        request._messages = CookieStorage(request)  # type: ignore[attr-defined]
        before = LogEntry.objects.count()
        if row is None:
            action.method(request)
        elif kind == "submit_line":
            action.method(request, row)
        else:
            action.method(request, object_id=str(row.pk))
        assert LogEntry.objects.count() == before + 1, f"{page.model._meta.label}: {action.action_name} left no record"
        entry = LogEntry.objects.order_by("id").last()
        assert entry is not None and entry.change_message == str(action.description)
        assert entry.object_id == (None if row is None else str(row.pk))


def shown(browser: Client, **query: str) -> str:
    """The list, which must open."""
    answer = browser.get(reverse("admin:bingproject_record_changelist"), query)
    assert answer.status_code == 200
    return answer.content.decode().partition('id="result_list"')[2].partition("</table>")[0]


def test_the_page_tells_who_did_what(browser: Client, chief: User) -> None:
    """A form, an action and a deletion, each with the operator and the row; a link where there still is one."""
    user, other = make_user("anna"), make_user("bert")
    form = {"user_id": "anna", "name": "Anna", "is_active": "on"}
    browser.post(reverse("admin:accounts_whitelisteduser_change", args=[user.pk]), form)
    browser.post(
        reverse("admin:accounts_whitelisteduser_changelist"), {"action": "remove", "_selected_action": [user.pk]}
    )
    browser.post(reverse("admin:accounts_whitelisteduser_delete", args=[other.pk]), {"post": "yes"})
    text = shown(browser)
    for words in ("chief", "Changed Name.", "Deactivate and revoke all keys", "Deleted.", "whitelisted user", "bert"):
        assert words in text
    change = reverse("admin:accounts_whitelisteduser_change", args=["ROW"])
    assert change.replace("ROW", str(user.pk)) in text and change.replace("ROW", str(other.pk)) not in text


def test_the_page_is_filtered_and_searched(browser: Client, chief: User) -> None:
    """By operator, by how, by kind, by time; by the name of the row."""
    clerk = User.objects.create_superuser("clerk", password="x")
    anna, account = make_user("anna"), make_account("bing-1")
    for page, action, row in (("whitelisteduser", "remove", anna), ("account", "disable", account)):
        sent = {"action": action, "_selected_action": [row.pk]}
        browser.post(reverse(f"admin:accounts_{page}_changelist"), sent)
    LogEntry.objects.filter(object_repr="bing-1").update(user=clerk, action_time=timezone.now() - timedelta(days=9))
    week = (timezone.now() - timedelta(days=7)).isoformat()
    for query in (
        {"user__id__exact": str(chief.pk)},
        {"kind": "accounts.whitelisteduser"},
        {"q": "ann"},
        {"action_time__gte": week},
    ):
        text = shown(browser, **query)
        assert "anna" in text and "bing-1" not in text, query
    assert "anna" in shown(browser, how=str(ACTED)) and "anna" not in shown(browser, how="1")


def test_entries_are_found_by_their_rows_id(browser: Client, chief: User) -> None:
    """A task's name does not have it."""
    task = make_task(state=State.FAILED)
    LogEntry.objects.log_actions(chief.pk, [task], ACTED, "Cancel", single_object=True)
    assert "Cancel" in shown(browser, q=str(task.pk)) and "Cancel" not in shown(browser, q=str(task.pk)[:-1])


def test_the_page_is_read_only(client: Client) -> None:
    """Whoever has the one permission may read it; nobody changes it; without it there is no page."""
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    client.force_login(viewer)
    assert client.get(reverse("admin:bingproject_record_changelist")).status_code == 403
    viewer.user_permissions.add(Permission.objects.get(codename="view_record"))
    assert client.get(reverse("admin:bingproject_record_changelist")).status_code == 200
    assert Permission.objects.filter(content_type__model="record").count() == 1
    viewer.is_superuser = True
    viewer.save()
    make_key()
    entry = LogEntry.objects.create(user=viewer, action_flag=ACTED, object_repr="x", change_message="Check now")
    assert "Check now" in client.get(reverse("admin:bingproject_record_change", args=[entry.pk])).content.decode()
    for way in ("change", "delete"):
        assert client.post(reverse(f"admin:bingproject_record_{way}", args=[entry.pk]), {}).status_code == 403


def test_the_page_asks_little(
    browser: Client, chief: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """No query per row, and no count of all of them."""
    rows = [make_user() for _ in range(30)]
    LogEntry.objects.log_actions(chief.pk, rows, ACTED, "Disable")
    shown(browser)  # content types are remembered from here on
    with django_assert_max_num_queries(12) as asked:
        shown(browser)
    limit = f"LIMIT {NewestPaginator.listed_rows}"
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(*)" in query["sql"]]
    assert counts and all(limit in sql for sql in counts if "django_admin_log" in sql)


def test_an_operator_in_the_record_is_not_deleted(browser: Client, chief: User) -> None:
    """With the log-in its entries would go; one who never did anything may be deleted."""
    clerk, idle = User.objects.create_user("clerk"), User.objects.create_user("idle")
    LogEntry.objects.create(user=clerk, action_flag=ACTED, object_repr="x", change_message="Disable")
    for person in (clerk, idle):
        browser.post(reverse("admin:auth_user_delete", args=[person.pk]), {"post": "yes"})
    assert set(User.objects.values_list("username", flat=True)) == {"chief", "clerk"}
    sent = {"action": "delete_selected", "_selected_action": [clerk.pk]}
    assert "inactive instead" in browser.post(reverse("admin:auth_user_changelist"), sent).content.decode()


def test_no_secret_is_recorded(browser: Client) -> None:
    """A form is written down by the names of its fields, never by what stood in them."""
    account = make_account("anna", cookie="an-old-cookie-0123456789")
    new = "a-new-cookie-9876543210"
    fields = {"name": "anna", "is_enabled": "on", "proxy": "http://u:hunter2@proxy:1", "new_cookies": new}
    counts = {"capabilities-TOTAL_FORMS": 0, "capabilities-INITIAL_FORMS": 0}
    answer = browser.post(reverse("admin:accounts_account_change", args=[account.pk]), fields | counts)
    assert answer.status_code == 302
    written = " ".join(f"{one.object_repr} {one.change_message}" for one in LogEntry.objects.all())
    assert "new_cookies" in written and "proxy" in written
    assert not any(secret in written for secret in (new, "hunter2", "an-old-cookie"))
