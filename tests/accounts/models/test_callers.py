"""Models of callers: users, keys, counters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey, UsageCounter, find_key
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_names_of_rows() -> None:
    """A row's name in the admin contains no secret."""
    user = make_user("bert")
    key = ApiKey.objects.create(user=user, key_hash="h" * 64, key_tail="wxyz")
    counter = UsageCounter(caller_id=user.caller_id, kind="image", window_at=timezone.now().replace(2026, 11, 24, 0, 0))
    assert [str(row) for row in (user, key, counter)] == ["bert", "bp_…wxyz", "user:bert image 2026-11-24 00:00"]


def test_a_key_is_found_with_its_user() -> None:
    """Unless it is revoked or expired; the user's limits and expiry are loaded, times in UTC."""
    now = timezone.now()
    user = make_user("anna", daily_images=5, expires_at=now + timedelta(days=1))
    row = ApiKey.objects.create(user=user, key_hash="a" * 64, key_tail="abcd", expires_at=now + timedelta(hours=1))
    found = find_key("a" * 64, now)
    assert found == row
    assert found is not None
    terms = (found.user.user_id, found.user.is_active, found.user.expires_at, found.user.daily_images)
    assert terms == ("anna", True, user.expires_at, 5)
    assert find_key("a" * 64, now + timedelta(hours=1)) is None
    ApiKey.objects.update(revoked_at=now)
    assert find_key("a" * 64, now) is None
