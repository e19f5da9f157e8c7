"""Pages of whitelisted users: state, expiry, limits and today's use."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.callers import limits
from accounts.callers.services import find_api_key, issue_api_key
from accounts.models import WhitelistedUser
from bingproject.errors import InvalidApiKeyError, NotWhitelistedError
from tests.accounts.admin.operating import act, page, send, user_form
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_users(operator: Client) -> None:
    """They are added, listed with their keys, changed, and removed with all keys revoked."""
    send(operator, "whitelisteduser_add", **user_form("anna", name="Anna"))
    user = WhitelistedUser.objects.get()
    _, text = issue_api_key("anna")
    assert "Anna" in page(operator, "whitelisteduser_changelist")
    assert "anna" in page(operator, "whitelisteduser_change", user.pk)
    assert "1 deactivated." in act(operator, "whitelisteduser", "remove", user)
    user.refresh_from_db()
    assert not user.is_active
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)


def test_limits_and_expiry_are_set_and_removed(operator: Client) -> None:
    """An empty field is no limit and no expiry; 0 allows nothing."""
    terms = {"daily_images": "10", "daily_videos": "0", "expires_at_0": "2099-01-31", "expires_at_1": "18:00:00"}
    send(operator, "whitelisteduser_add", **user_form("anna", **terms))
    user = WhitelistedUser.objects.get()
    assert (user.daily_images, user.daily_videos, user.daily_chats) == (10, 0, None)
    assert user.expires_at is not None and user.expires_at.isoformat() == "2099-01-31T18:00:00+00:00"
    send(operator, "whitelisteduser_change", user.pk, **user_form("other", daily_chats="5"))
    found = WhitelistedUser.objects.get()
    assert (found.daily_images, found.daily_videos, found.daily_chats, found.expires_at) == (None, None, 5, None)
    assert found.user_id == "anna"


def test_the_list_shows_todays_use_in_one_query(operator: Client) -> None:
    """Beside the limits; thirty users need as many queries as one."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown.append(page(operator, "whitelisteduser_changelist"))
        return len(captured)

    shown: list[str] = []
    now = timezone.now()
    user = make_user("anna", daily_images=10, expires_at=now + timedelta(days=1))
    limits.take_quota(user, "image", 3, now)
    limits.take_quota(user, "chat", 7, now)
    queries()  # what is read once in a process
    first = queries()
    for _ in range(30):
        limits.take_quota(make_user(), "video", 1, now)
    assert queries() == first < 20
    assert "3 of 10" in shown[-1] and ">7<" in shown[-1]
    assert "3 of 10 images, 0 videos, 7 chat turns" in page(operator, "whitelisteduser_change", user.pk)


def test_an_expired_user_is_shown_as_not_let_in(operator: Client) -> None:
    """Like an inactive one."""
    make_user("anna")
    assert "close_small" not in page(operator, "whitelisteduser_changelist")
    WhitelistedUser.objects.update(expires_at=timezone.now())
    assert "close_small" in page(operator, "whitelisteduser_changelist")


def test_many_users_are_disabled_and_enabled(operator: Client) -> None:
    """Their keys are not revoked, so they work again afterwards."""
    anna, bert, carl = make_user("anna"), make_user("bert"), make_user("carl", is_active=False)
    _, text = issue_api_key("anna")
    assert "2 disabled." in act(operator, "whitelisteduser", "disable", anna, bert, carl)
    with pytest.raises(NotWhitelistedError):
        find_api_key(text)
    assert "1 enabled." in act(operator, "whitelisteduser", "enable", anna)
    assert find_api_key(text).caller_id == "user:anna"
    assert set(WhitelistedUser.objects.filter(is_active=False).values_list("user_id", flat=True)) == {"bert", "carl"}
