"""Pages of whitelisted users."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import WhitelistedUser
from accounts.services import find_api_key, issue_api_key
from bingproject.errors import InvalidApiKeyError
from tests.accounts.admin.operating import act, page, send

pytestmark = pytest.mark.django_db


def test_users(operator: Client) -> None:
    """They are added, listed with their keys, changed, and kept out with all keys revoked."""
    send(operator, "whitelisteduser_add", user_id="anna", name="Anna", note="", is_active="on")
    user = WhitelistedUser.objects.get()
    _, text = issue_api_key("anna")
    assert "Anna" in page(operator, "whitelisteduser_changelist")
    assert "anna" in page(operator, "whitelisteduser_change", user.pk)
    assert "1 deactivated." in act(operator, "whitelisteduser", "remove", user)
    user.refresh_from_db()
    assert not user.is_active
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)
