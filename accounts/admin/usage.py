"""Show today's use beside the limits, from one query per page of users."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from unfold.views import ChangeList

from accounts.callers import limits
from accounts.models import Capability, WhitelistedUser


class UsageChangeList(ChangeList):
    """A page of users with their use of today."""

    def get_results(self, request: HttpRequest) -> None:
        """Load the page's rows and their counters."""
        super().get_results(request)
        rows: Any = self.result_list  # type: ignore[has-type]
        self.result_list = list(rows)
        read_usage(self.result_list)


def read_usage(users: list[Any]) -> None:
    """Set `used_today`, by kind, on each of these users."""
    used = limits.used_today(users, timezone.now())
    for user in users:
        user.used_today = used.get(user.user_id, {})


def show_usage(user: Any, kind: Capability, limit: int | None) -> str:
    """Return e.g. `3 of 10`, or `3` without a limit."""
    count = user.used_today.get(kind, 0)
    return str(count) if limit is None else f"{count} of {limit}"


def show_all_usage(user: WhitelistedUser) -> str:
    """Return the use of all three kinds in one line."""
    read_usage([user])
    parts = (
        ("images", Capability.IMAGE, user.daily_images),
        ("videos", Capability.VIDEO, user.daily_videos),
        ("chat turns", Capability.CHAT, user.daily_chats),
    )
    return ", ".join(f"{show_usage(user, kind, limit)} {noun}" for noun, kind, limit in parts)
