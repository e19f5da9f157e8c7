"""What operators' pages share: pages over the newest rows alone, and rows that only machines write."""

from __future__ import annotations

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
from bingproject.pages import NewestPaginator, RecordedAdmin
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db


def test_pages_end_at_the_newest_rows() -> None:
    """Older ones are found by filters and search."""
    for _ in range(5):
        make_user()
    rows = NewestPaginator(WhitelistedUser.objects.order_by("pk"), 2)
    rows.listed_rows = 3
    assert (rows.count, rows.num_pages) == (3, 2)


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
        assert client.post(address, {"post": "yes", "holder": "x"}).status_code == 403
    assert Lease.objects.get().holder == "chat 1"
