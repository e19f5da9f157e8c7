"""Pages of API keys: shown once, never edited, revoked at once."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey
from accounts.services import find_api_key, issue_api_key
from bingproject.errors import InvalidApiKeyError
from tests.accounts.admin.operating import act, page
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_key_is_shown_exactly_once(operator: Client) -> None:
    """In the answer to issuing it, which no cache may keep; on no other page, in no cookie, in no message."""
    user = make_user("anna")
    make_user("inactive", is_active=False)
    add_page = page(operator, "apikey_add")
    assert "anna" in add_page and "inactive" not in add_page
    answer = operator.post(reverse("admin:accounts_apikey_add"), {"user": user.pk})
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
