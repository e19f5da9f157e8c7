"""Pages of whitelisted users."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import WhitelistedUser
from accounts.services import find_api_key, issue_api_key
from bingproject.errors import InvalidApiKeyError, NotWhitelistedError
from tests.accounts.admin.operating import act, page, send
from tests.factories import make_user

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


def test_many_users_are_disabled_and_enabled(operator: Client) -> None:
    """Those chosen, at once; their keys are not revoked, so they work again afterwards."""
    anna, bert, carl = make_user("anna"), make_user("bert"), make_user("carl", is_active=False)
    _, text = issue_api_key("anna")
    assert "2 disabled." in act(operator, "whitelisteduser", "disable", anna, bert, carl)
    with pytest.raises(NotWhitelistedError):
        find_api_key(text)
    assert "1 enabled." in act(operator, "whitelisteduser", "enable", anna)
    assert find_api_key(text).holder == "user:anna"
    assert set(WhitelistedUser.objects.filter(is_active=False).values_list("user_id", flat=True)) == {"bert", "carl"}
