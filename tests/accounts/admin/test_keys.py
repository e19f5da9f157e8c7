"""Pages of API keys: a key is shown once, changed until it is revoked, and revoked at once."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.callers.services import change_api_key, find_api_key, issue_api_key, issue_api_keys, revoke_api_key
from accounts.models import ApiKey, PendingUpload, WhitelistedUser
from bingproject.errors import InvalidApiKeyError
from bingproject.security.encryption import decrypt
from tests.accounts.admin.operating import act, key_form, page, send
from tests.factories import make_user
from tests.operating import listed, log_in_viewer

pytestmark = pytest.mark.django_db


def test_a_key_is_shown_exactly_once(operator: Client) -> None:
    """On a page that no cache may store; on no other page, in no cookie, in no message."""
    user = make_user("anna")
    make_user("inactive", is_active=False)
    make_user("expired", expires_at=timezone.now())
    add_page = page(operator, "apikey_add")
    assert "anna" in add_page and "inactive" not in add_page and ">expired<" not in add_page
    answer = operator.post(reverse("admin:accounts_apikey_add"), key_form(user), follow=True)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    found = re.search(r">(bp_[\w-]{43})<", answer.content.decode())
    assert found is not None
    text = found[1]
    assert find_api_key(text).caller_id == "user:anna"
    assert text not in str(answer.cookies) and text not in str(dict(operator.session))
    key = ApiKey.objects.get()
    for shown in (
        page(operator, "apikey_changelist"),
        page(operator, "apikey_change", key.pk),
        page(operator, "apikey_history", key.pk),
        page(operator, "whitelisteduser_change", user.pk),
        operator.get(reverse("admin:index")).content.decode(),
    ):
        assert text not in shown and key.key_hash not in shown
    assert f"bp_…{text[-4:]}" in page(operator, "apikey_changelist")


def test_reloading_the_page_of_a_new_key_makes_no_other(operator: Client) -> None:
    """A redirect leads to it, and the key is stored encrypted until then; nobody can open it a second time."""
    sent = operator.post(reverse("admin:accounts_apikey_add"), key_form(make_user("anna")))
    assert sent.status_code == 302
    upload = PendingUpload.objects.get()
    assert decrypt(upload.encrypted_content) and "bp_" not in upload.encrypted_content
    other = Client()
    other.force_login(User.objects.create_superuser("other", password="x"))
    assert "bp_" not in other.get(sent["Location"]).content.decode()
    assert operator.head(sent["Location"]).status_code == 405
    text = re.findall(r">(bp_[\w-]{43})<", operator.get(sent["Location"]).content.decode())[0]
    assert not PendingUpload.objects.exists()
    again = operator.get(sent["Location"], follow=True)
    assert "were shown already" in again.content.decode() and text not in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_new_keys_require_the_permission_to_add_keys(client: Client) -> None:
    """At every address."""
    viewer = log_in_viewer(client, "accounts", "view_apikey")
    assert viewer.get(reverse("admin:accounts_apikey_issued", args=["x"])).status_code == 403


def test_the_page_of_a_new_key_has_commands(operator: Client) -> None:
    """They contain the key and this server's address; one lists the models and spends nothing."""
    fields = key_form(make_user("anna"))
    del fields["can_make_videos"]
    shown = unescape(operator.post(reverse("admin:accounts_apikey_add"), fields, follow=True).content.decode())
    text = re.findall(r">(bp_[\w-]{43})<", shown)[0]
    assert f"curl http://testserver/v1/models \\\n  -H 'Authorization: Bearer {text}'" in shown
    assert "/v1/images/generations" in shown and "/v1/chat/completions" in shown and "/create/video" not in shown
    assert shown.count("execCommand") == 4


def change_form(key: ApiKey, **changed: str) -> dict[str, Any]:
    """Return the form of a key with these changes."""
    fields = key_form(key.user, label=key.label)
    return {name: value for name, value in fields.items() if name != "user"} | changed


def test_label_and_limits_can_change(operator: Client) -> None:
    """They apply from the next request on; the audit log names the fields; the user stays."""
    make_user("anna")
    other = make_user("bert")
    key, text = issue_api_key("anna")
    before = key.key_hash, key.created_at
    fields = change_form(key, label="phone", per_minute="60", expires_at_0="2099-01-31", expires_at_1="00:00:00")
    del fields["can_chat"]
    send(operator, "apikey_change", key.pk, **fields, user=other.pk)
    found = find_api_key(text).key
    assert found is not None and (found.label, found.scopes, found.per_minute) == ("phone", ("images", "videos"), 60)
    assert found.expires_at is not None and found.expires_at.year == 2099
    key.refresh_from_db()
    assert (key.user.user_id, (key.key_hash, key.created_at)) == ("anna", before)
    entry = LogEntry.objects.get(object_id=str(key.pk))
    assert entry.action_flag == CHANGE
    assert all(words in entry.get_change_message() for words in ("Label", "Chat", "Requests a minute", "Expires"))
    assert not any(secret in entry.change_message for secret in (text, key.key_hash, "2099"))


def test_invalid_limits_are_errors_at_their_fields(operator: Client) -> None:
    """As for a new key."""
    make_user("anna")
    key, _ = issue_api_key("anna")
    shown = send(operator, "apikey_change", key.pk, **change_form(key, per_minute="0", expires_at_0="2020-01-01"))
    assert "Give a whole number from 1" in shown and "Enter a valid time" in shown
    key.refresh_from_db()
    assert (key.per_minute, key.expires_at) == (None, None)


def test_a_concurrent_use_is_kept(operator: Client) -> None:
    """A change writes only the changed columns."""
    make_user("anna")
    key, _ = issue_api_key("anna")
    stale = ApiKey.objects.get(pk=key.pk)
    used = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=used, per_minute=5)
    stale.label = "phone"
    assert change_api_key(stale, ["label", "key_hash", "last_used_at"])
    key.refresh_from_db()
    assert (key.label, key.last_used_at, key.per_minute) == ("phone", used, 5)


def test_a_revoked_key_cannot_be_changed_and_none_deleted(operator: Client) -> None:
    """Its page has no button."""
    make_user("anna")
    key, _ = issue_api_key("anna")
    assert operator.post(reverse("admin:accounts_apikey_delete", args=[key.pk]), {"post": "yes"}).status_code == 403
    assert reverse("admin:accounts_apikey_revoke_this", args=[key.pk]) in page(operator, "apikey_change", key.pk)
    revoke_api_key(key, timezone.now())
    shown = page(operator, "apikey_change", key.pk)
    assert "Revoked" in shown and 'name="label"' not in shown
    assert reverse("admin:accounts_apikey_revoke_this", args=[key.pk]) not in shown
    answer = operator.post(reverse("admin:accounts_apikey_change", args=[key.pk]), change_form(key, label="x"))
    assert answer.status_code == 403
    stale = ApiKey.objects.get(pk=key.pk)
    stale.label = "x"
    assert not change_api_key(stale, ["label"])
    key.refresh_from_db()
    assert key.label == ""


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_key_is_revoked_from_its_page(operator: Client, headers: dict[str, str]) -> None:
    """A link alone revokes nothing: the dialog asks first."""
    make_user("anna")
    key, text = issue_api_key("anna")
    address = reverse("admin:accounts_apikey_revoke_this", args=[key.pk])
    operator.get(address, headers=headers)
    assert find_api_key(text).key == key
    answer = operator.post(address, {"_form_submitted": "on"}, headers=headers)
    target = answer.headers.get("HX-Redirect") or answer.headers["Location"]
    assert target == reverse("admin:accounts_apikey_change", args=[key.pk])
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)
    assert LogEntry.objects.get(object_id=str(key.pk)).change_message == "Revoke"


def test_who_may_change_and_revoke(client: Client) -> None:
    """A viewer sees the page without buttons."""
    make_user("anna")
    key, _ = issue_api_key("anna")
    viewer = log_in_viewer(client, "accounts", "view_apikey")
    address = reverse("admin:accounts_apikey_revoke_this", args=[key.pk])
    shown = page(viewer, "apikey_change", key.pk)
    assert "Active" in shown and 'name="label"' not in shown and address not in shown
    assert viewer.post(address, {"_form_submitted": "on"}).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None


def test_the_list_shows_the_state_of_keys(operator: Client) -> None:
    """With a label and a filter; thirty keys need as many queries as four."""
    now = timezone.now()
    rows = {state: issue_api_key(make_user(state).user_id)[0] for state in ("active", "refused", "expired", "revoked")}
    WhitelistedUser.objects.filter(user_id="refused").update(is_active=False)
    ApiKey.objects.filter(pk=rows["expired"].pk).update(expires_at=now)
    revoke_api_key(rows["revoked"], now)
    for state, words in (
        ("active", "Active"), ("refused", "User not let in"), ("expired", "Expired"), ("revoked", "Revoked")
    ):  # fmt: skip
        assert listed(operator, ApiKey, state=state) == {rows[state].pk}
        assert words in page(operator, "apikey_changelist")
        assert words in page(operator, "apikey_change", rows[state].pk)
    assert listed(operator, ApiKey, state="nonsense") == {key.pk for key in rows.values()}
    with CaptureQueriesContext(connection) as few:
        page(operator, "apikey_changelist")
    issue_api_keys([make_user() for _ in range(30)])
    with CaptureQueriesContext(connection) as many:
        page(operator, "apikey_changelist")
    assert len(many) == len(few) < 20


def test_keys_are_revoked(operator: Client) -> None:
    """The selected ones, at once."""
    make_user("anna")
    (first, text), (second, _) = issue_api_key("anna"), issue_api_key("anna")
    assert "1 revoked." in act(operator, "apikey", "revoke", first)
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)
    second.refresh_from_db()
    assert second.revoked_at is None


def test_a_key_is_issued_with_its_terms(operator: Client) -> None:
    """Label, scopes, rate and expiry; the list and the page show them."""
    terms = {"label": "phone", "per_minute": "60", "expires_at_0": "2099-01-31", "expires_at_1": "00:00:00"}
    fields = key_form(make_user("anna"), **terms)
    del fields["can_make_videos"], fields["can_chat"]
    send(operator, "apikey_add", **fields)
    key = ApiKey.objects.get()
    assert (key.label, key.scopes, key.per_minute) == ("phone", ("images",), 60)
    assert key.expires_at is not None and key.expires_at.isoformat() == "2099-01-31T00:00:00+00:00"
    for shown in (page(operator, "apikey_changelist"), page(operator, "apikey_change", key.pk)):
        for text in ("phone", "images", "60", "2099-01-31"):
            assert text in shown


def test_a_key_may_only_read(operator: Client) -> None:
    """With no scope ticked."""
    fields = key_form(make_user("anna"))
    for column in ("can_make_images", "can_make_videos", "can_chat"):
        del fields[column]
    send(operator, "apikey_add", **fields)
    assert ApiKey.objects.get().scopes == ()
    assert "reading only" in page(operator, "apikey_changelist")
