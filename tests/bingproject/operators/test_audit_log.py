"""What is written down of an operator's deeds: who, which rows, the name of what was done."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.models import WhitelistedUser
from bingproject.operators.audit_log import ACTED, MOST_ENTRIES, record
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_bert(rf: RequestFactory) -> HttpRequest:
    """A request by an operator."""
    request = rf.post("/admin/")
    request.user = User.objects.create_user("bert")
    return request


def test_each_row_has_its_entry(request_of_bert: HttpRequest) -> None:
    """With the operator, the row and what was done."""
    rows = [make_user("anna"), make_user("x" * 100)]
    record(request_of_bert, WhitelistedUser, rows, "Disable")
    entries = list(LogEntry.objects.order_by("id"))
    assert [entry.object_repr for entry in entries] == ["anna", "x" * 100]
    assert [entry.get_edited_object() for entry in entries] == rows
    assert {(entry.user.username, entry.action_flag, entry.get_change_message()) for entry in entries} == {
        ("bert", ACTED, "Disable")
    }


def test_many_rows_are_one_entry(request_of_bert: HttpRequest) -> None:
    """A thousand lines would say no more than their number."""
    record(request_of_bert, WhitelistedUser, [make_user("anna")], "Disable", row_count=MOST_ENTRIES + 1)
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.object_id) == ("1,001 whitelisted users", None)


def test_a_list_as_a_whole(request_of_bert: HttpRequest) -> None:
    """What is done to no row in particular."""
    record(request_of_bert, WhitelistedUser, [], "Export")
    assert (LogEntry.objects.get().object_repr, LogEntry.objects.get().object_id) == ("", None)
