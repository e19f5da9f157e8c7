"""Pages of API keys: shown once, never edited, revoked at once."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services import find_api_key, issue_api_key
from bingproject.errors import InvalidApiKeyError
from tests.accounts.admin.operating import act, key_form, page, send
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_key_is_shown_exactly_once(operator: Client) -> None:
    """In the answer to issuing it, which no cache may keep; on no other page, in no cookie, in no message."""
    user = make_user("anna")
    make_user("inactive", is_active=False)
    make_user("expired", expires_at=timezone.now())
    add_page = page(operator, "apikey_add")
    assert "anna" in add_page and "inactive" not in add_page and ">expired<" not in add_page
    answer = operator.post(reverse("admin:accounts_apikey_add"), key_form(user))
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    found = re.search(r'value="(bp_[\w-]{43})"', answer.content.decode())
    assert found is not None
    text = found[1]
    assert find_api_key(text).holder == "user:anna"
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


def test_a_key_cannot_be_edited_or_deleted(operator: Client) -> None:
    """The page is there to look at."""
    make_user("anna")
    other = make_user("bert")
    key, _ = issue_api_key("anna")
    assert 'name="user"' not in page(operator, "apikey_change", key.pk)
    for name in ("apikey_change", "apikey_delete"):
        answer = operator.post(reverse(f"admin:accounts_{name}", args=[key.pk]), {"user": other.pk, "post": "yes"})
        assert answer.status_code == 403
    key.refresh_from_db()
    assert key.user.user_id == "anna"


def test_keys_are_revoked(operator: Client) -> None:
    """The chosen ones, at once."""
    make_user("anna")
    (first, text), (second, _) = issue_api_key("anna"), issue_api_key("anna")
    assert "1 revoked." in act(operator, "apikey", "revoke", first)
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)
    second.refresh_from_db()
    assert second.revoked_at is None


def test_a_key_is_issued_with_its_terms(operator: Client) -> None:
    """Label, scopes, rate and end; the list and its page show them."""
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
