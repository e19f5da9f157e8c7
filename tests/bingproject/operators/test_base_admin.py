"""What operators' pages share: pages over the newest rows alone, and rows that only machines write."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action

from accounts.models import Lease, WhitelistedUser
from bingproject.operators.base_admin import NewestPaginator, RecordedAdmin, once_for_each_row
from tests.chat.turns import make_conversation
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db


def test_pages_end_at_the_newest_rows() -> None:
    """Older ones are found by filters and search."""
    for _ in range(5):
        make_user()
    rows = NewestPaginator(WhitelistedUser.objects.order_by("pk"), 2)
    rows.listed_rows = 3
    assert (rows.count, rows.num_pages) == (3, 2)


@pytest.mark.parametrize(("query", "names"), [
    ({"from_0": "2026-03-02"}, {"second", "third"}),
    ({"to_0": "2026-03-02"}, {"first", "second"}),
    ({"from_0": "2026-03-02", "from_1": "12:00:01"}, {"third"}),
    ({"from_0": "2026-03-02", "from_1": "12:00", "to_0": "2026-03-02", "to_1": "12:00"}, {"second"}),
    ({"from_0": "", "to_0": ""}, {"first", "second", "third"}),
    ({"from_0": "nonsense", "to_0": "2026-02-31"}, {"first", "second", "third"}),
    ({"from_0": "2026-03-02", "from_1": "noon"}, {"second", "third"}),
])  # fmt: skip
def test_a_time_filter_takes_days_with_or_without_a_time(
    client: Client, query: dict[str, str], names: set[str]
) -> None:
    """Whole days in UTC; an end that is no date limits nothing."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    for day, name in enumerate(("first", "second", "third"), start=1):
        make_conversation(caller_id=f"user:{name}", used_at=datetime(2026, 3, day, 12, tzinfo=UTC))
    fields = {f"used_at_{name}": value for name, value in query.items()}
    text = client.get(reverse("admin:chat_conversation_changelist"), fields).content.decode()
    assert {name for name in ("first", "second", "third") if f">{name}<" in text} == names


class ButtonsAdmin(RecordedAdmin):
    """A page with a button of each kind."""

    actions = ("asks", "fails")
    actions_list = ("all_of_them",)
    actions_detail = ("one_of_them",)
    actions_submit_line = ("and_more",)

    @admin.action(description="Ask first")
    def asks(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """A page that asks."""
        return HttpResponse("Are you sure?")

    @admin.action(description="Fail")
    def fails(self, request: HttpRequest, queryset: Any) -> None:
        """It does not come to an end."""
        raise PermissionDenied

    @action(description="All of them")  # type: ignore[untyped-decorator]  # the theme is untyped
    def all_of_them(self, request: HttpRequest) -> HttpResponse:
        """A button above the list."""
        return HttpResponseRedirect("/")

    @action(description="One of them")  # type: ignore[untyped-decorator]  # the theme is untyped
    def one_of_them(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A button above a form."""
        return HttpResponseRedirect("/")

    @action(description="And more")  # type: ignore[untyped-decorator]  # the theme is untyped
    def and_more(self, request: HttpRequest, obj: Any) -> None:
        """A button below a form."""


def written() -> list[tuple[str, str]]:
    """What the record says since the last look."""
    found = list(LogEntry.objects.order_by("id").values_list("change_message", "object_repr"))
    LogEntry.objects.all().delete()
    return found


def test_buttons_of_every_kind_leave_a_record(rf: RequestFactory) -> None:
    """With the row, however it is handed over; a question that is asked first, and a failure, are no deeds."""
    page = ButtonsAdmin(WhitelistedUser, admin.site)
    user = make_user("anna")
    request = rf.post("/")
    request.user = User.objects.create_superuser("chief")
    buttons = {name: page.get_unfold_action(name).method for name in ("all_of_them", "one_of_them", "and_more")}
    buttons["all_of_them"](request)
    assert written() == [("All of them", "")]
    buttons["one_of_them"](request, object_id=str(user.pk))
    buttons["one_of_them"](request, str(user.pk))
    buttons["and_more"](request, user)
    assert written() == [("One of them", "anna"), ("One of them", "anna"), ("And more", "anna")]
    actions = page.get_actions(request)
    actions["asks"][0](page, request, WhitelistedUser.objects.all())
    with pytest.raises(PermissionDenied):
        actions["fails"][0](page, request, WhitelistedUser.objects.all())
    assert written() == []


def test_rows_of_machines_are_looked_at_alone(client: Client) -> None:
    """Leases: listed with account, holder and end; no adding, changing or deleting."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    lease = Lease.objects.create(account=make_account("anna"), capability="chat", holder="chat 1", until=timezone.now())
    text = client.get(reverse("admin:accounts_lease_changelist")).content.decode()
    assert all(word in text for word in ("anna", "chat 1"))
    assert client.get(reverse("admin:accounts_lease_change", args=[lease.pk])).status_code == 200
    assert client.get(reverse("admin:accounts_lease_add")).status_code == 403
    for way in ("change", "delete"):
        address = reverse(f"admin:accounts_lease_{way}", args=[lease.pk])
        assert client.post(address, {"post": "yes", "caller_id": "x"}).status_code == 403
    assert Lease.objects.get().holder == "chat 1"


def test_a_computed_field_is_shown_once_for_each_row() -> None:
    """Asked for again it is what it was; another row, and another field, have their own."""

    class Page:
        asked = 0

        @once_for_each_row
        def first(self, row: WhitelistedUser) -> str:
            self.asked += 1
            return f"first of {row.user_id}"

        @once_for_each_row
        def second(self, row: WhitelistedUser) -> str:
            return f"second of {row.user_id}"

    page, anna, bert = Page(), WhitelistedUser(user_id="anna"), WhitelistedUser(user_id="bert")
    assert [page.first(anna), page.first(anna), page.second(anna)] == [
        "first of anna",
        "first of anna",
        "second of anna",
    ]
    assert (page.first(bert), page.asked) == ("first of bert", 2)


def test_an_empty_list_says_what_belongs_there(operator: Client) -> None:
    """In words of its own on every page; none offers to reset filters that are not set."""
    for page in admin.site._registry.values():
        if page.model._default_manager.exists():
            continue
        text = operator.get(reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")).content.decode()
        name = page.model._meta.label
        assert "data-empty" in text and "Nothing matches" not in text and "found (" not in text, name
        assert page.empty_text and page.empty_text in html.unescape(text), name  # type: ignore[attr-defined]  # RecordedAdmin


def test_a_search_that_finds_nothing_says_so(operator: Client) -> None:
    """And leads back to all rows; it says nothing of adding any."""
    make_user("anna")
    address = reverse("admin:accounts_whitelisteduser_changelist")
    text = operator.get(address, {"q": "<nobody>"}).content.decode()
    assert "Nothing matches" in text and "“&lt;nobody&gt;”" in text and 'href="?"' in text
    assert "Add whitelisted user" not in text.partition("data-empty")[2]
    filtered = operator.get(address, {"is_active__exact": "0"}).content.decode()
    assert "fits the filters" in filtered


@pytest.mark.parametrize("name", ["accounts_account", "accounts_apikey", "bingproject_alert", "auth_user"])
def test_a_search_of_thousands_of_words_is_answered(operator: Client, name: str) -> None:
    """SQLite's own limit would be told as a database that does not answer."""
    text = " ".join(f"word{number}" for number in range(6000))
    page = operator.get(reverse(f"admin:{name}_changelist"), {"q": text})
    assert page.status_code == 200


def test_show_all_stands_there_only_when_something_is_hidden(operator: Client) -> None:
    """Beside the number that a search has found."""
    make_user("anna")
    address = reverse("admin:accounts_whitelisteduser_changelist")
    assert "Show all" not in operator.get(address).content.decode()
    assert "Show all" in operator.get(address, {"q": "anna"}).content.decode()
