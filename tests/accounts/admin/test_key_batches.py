"""Keys for many users: shown once, with the given scopes and limits, recorded, stored as hashes only."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.admin import key_batches
from accounts.callers.services import find_api_key
from accounts.models import ApiKey, WhitelistedUser
from tests.factories import make_user
from tests.operating import log_in_viewer

pytestmark = pytest.mark.django_db
LIST = "admin:accounts_whitelisteduser_changelist"


def ask(browser: Client, users: list[WhitelistedUser], **fields: str) -> Any:
    """Select the action for these users."""
    chosen = {"action": "issue_keys", "_selected_action": [user.pk for user in users]}
    return browser.post(reverse(LIST), chosen | fields, follow=True)


def issue(browser: Client, users: list[WhitelistedUser], **fields: str) -> Any:
    """Select the action and send its form."""
    terms = {"post": "yes", "label": "", "per_minute": "", "expires_at_0": "", "expires_at_1": "", "can_chat": "on"}
    return ask(browser, users, **(terms | fields))


def rows_of(answer: Any) -> list[dict[str, str]]:
    """Return the keys that a page shows."""
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", answer.content.decode(), re.DOTALL)
    assert text is not None
    return list(csv.DictReader(io.StringIO(unescape(text[1]))))


def test_each_selected_user_gets_a_key(operator: Client) -> None:
    """The page has the keys as CSV to copy and to download; no other page, cookie or row has them."""
    users = [make_user("anna", name="Anna"), make_user("=bert"), make_user("carl", is_active=False)]
    asked = ask(operator, users).content.decode()
    assert "2 users" in asked and "carl" in asked and 'name="label"' in asked
    assert not ApiKey.objects.exists() and not LogEntry.objects.exists()
    answer = issue(operator, users, label="spring", per_minute="30", expires_at_0="2099-01-31", expires_at_1="0:00")
    assert "no-store" in answer.headers["Cache-Control"]
    rows = rows_of(answer)
    assert [(row["user_id"], row["name"]) for row in rows] == [("'=bert", ""), ("anna", "Anna")]
    for row in rows:
        found = find_api_key(row["key"])
        assert found.user is not None and found.user.user_id == row["user_id"].lstrip("'")
        assert found.key is not None
        assert (found.key.label, found.key.scopes, found.key.per_minute) == ("spring", ("chat",), 30)
    shown = answer.content.decode()
    link = re.search(r'href="data:text/csv;charset=utf-8,([^"]*)" download="api-keys.csv"', shown)
    assert link is not None and list(csv.DictReader(io.StringIO(unquote(unescape(link[1]))))) == rows
    assert "1 got none" in shown
    keys = [row["key"] for row in rows]
    later = operator.get(reverse(LIST)).content.decode() + str(dict(operator.session)) + str(operator.cookies)
    assert not any(key in later for key in keys)
    written = LogEntry.objects.values_list("object_repr", "change_message")
    assert {words for _, words in written} == {"Issue a key to each"} and "anna" in {name for name, _ in written}
    assert not any(key in str(list(written)) for key in keys)


def test_reloading_the_page_of_new_keys_makes_no_others(operator: Client) -> None:
    """The list says that they were shown; other operators are refused."""
    answer = issue(operator, [make_user("anna"), make_user("bert")])
    (address, status), *_ = answer.redirect_chain
    key = rows_of(answer)[0]["key"]
    again = operator.get(address, follow=True).content.decode()
    assert status == 302 and "were shown already" in again and key not in again
    assert ApiKey.objects.count() == 2
    viewer = log_in_viewer(Client(), "accounts", "view_whitelisteduser")
    assert viewer.get(address).status_code == 403


def test_invalid_limits_issue_nothing(operator: Client) -> None:
    """Errors are at their fields, and the users stay selected."""
    user = make_user("anna")
    shown = issue(operator, [user], per_minute="0").content.decode()
    assert "Give a whole number from 1" in shown
    assert f'name="_selected_action" value="{user.pk}"' in shown
    assert not ApiKey.objects.exists() and not LogEntry.objects.exists()


def test_too_many_at_once(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are refused."""
    monkeypatch.setattr(key_batches, "MOST_USERS", 1)
    answer = issue(operator, [make_user("anna"), make_user("bert")])
    assert "At most 1 users at once" in answer.content.decode() and not ApiKey.objects.exists()


def test_permissions(client: Client) -> None:
    """The action needs the permission to add keys."""
    user = make_user("anna")
    viewer = log_in_viewer(client, "accounts", "view_whitelisteduser")
    assert "issue_keys" not in viewer.get(reverse(LIST)).content.decode()
    issue(viewer, [user])
    assert not ApiKey.objects.exists()


def test_many_users_take_few_queries(operator: Client) -> None:
    """As many for forty users as for two, except for entries in the audit log."""
    few, many = [make_user() for _ in range(2)], [make_user() for _ in range(40)]
    issue(operator, few)
    with CaptureQueriesContext(connection) as first:
        issue(operator, few)
    with CaptureQueriesContext(connection) as second:
        answer = issue(operator, many)
    assert len(second) == len(first)
    assert len(rows_of(answer)) == 40
    assert ApiKey.objects.filter(created_at__lte=timezone.now()).count() == 44
