"""Texts of today's use."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.admin.usage import read_usage, show_all_usage, show_usage
from accounts.callers import limits
from accounts.models import Capability
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_use_beside_its_limit() -> None:
    """No use is 0; without a limit there is only the number."""
    user = make_user("anna", daily_images=10, daily_videos=0)
    limits.take_quota(user, Capability.IMAGE, 3, timezone.now())
    read_usage([user])
    assert show_usage(user, Capability.IMAGE, user.daily_images) == "3 of 10"
    assert show_usage(user, Capability.VIDEO, user.daily_videos) == "0 of 0"
    assert show_usage(user, Capability.CHAT, user.daily_chats) == "0"
    assert show_all_usage(user) == "3 of 10 images, 0 of 0 videos, 0 chat turns"
