"""Operators' pages for whitelisted users: who may use this server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts import services
from accounts.admin.terms import WhitelistedUserForm
from accounts.admin.usage import UsageChangeList, show_all_usage, show_usage
from accounts.admin.whitelist_pages import WhitelistFilesAdmin
from accounts.models import Capability, WhitelistedUser
from bingproject.pages import LIST_HINT


@admin.register(WhitelistedUser)
class WhitelistedUserAdmin(WhitelistFilesAdmin):
    """Who may use this server."""

    hint = "People and programs that may use this server with a key, and the ids that two-call clients send."
    list_before_template = LIST_HINT
    form = WhitelistedUserForm
    list_display = (
        "user_id", "name", "let_in", "expires_at", "images_today", "videos_today", "chats_today", "key_count",
    )  # fmt: skip
    list_per_page = 50
    list_filter = ("is_active",)
    search_fields = ("user_id", "name", "note")
    fieldsets = (
        (None, {"fields": ("user_id", "name", "note", "is_active", "expires_at", "created_at")}),
        ("How much they may begin on one UTC day", {"fields": (*WhitelistedUserForm.limits, "used_today_shown")}),
    )
    readonly_fields = ("created_at", "used_today_shown")
    add_fieldsets = (
        (None, {"fields": ("user_id", "name", "note", "is_active", "expires_at")}),
        ("How much they may begin on one UTC day", {"fields": WhitelistedUserForm.limits}),
    )
    actions = ("enable", "disable", "remove")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhitelistedUser]:
        """With the number of keys that work."""
        unexpired = Q(api_keys__expires_at=None) | Q(api_keys__expires_at__gt=timezone.now())
        keys = Count("api_keys", filter=Q(api_keys__revoked_at=None) & unexpired)
        return super().get_queryset(request).annotate(working_keys=keys)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[UsageChangeList]:
        """A page that knows today's use."""
        return UsageChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: WhitelistedUser | None = None) -> Sequence[str]:
        """Tasks, conversations and counters bear the id: it stays what it was."""
        return self.readonly_fields if obj is None else ("user_id", *self.readonly_fields)

    @display(description="let in", ordering="is_active", boolean=True)
    def let_in(self, user: WhitelistedUser) -> bool:
        """Active, and not expired."""
        return user.is_let_in(timezone.now())

    @display(description="images today", ordering="daily_images")
    def images_today(self, user: WhitelistedUser) -> str:
        """Of how many."""
        return show_usage(user, Capability.IMAGE, user.daily_images)

    @display(description="videos today", ordering="daily_videos")
    def videos_today(self, user: WhitelistedUser) -> str:
        """Of how many."""
        return show_usage(user, Capability.VIDEO, user.daily_videos)

    @display(description="chats today", ordering="daily_chats")
    def chats_today(self, user: WhitelistedUser) -> str:
        """Of how many."""
        return show_usage(user, Capability.CHAT, user.daily_chats)

    @display(description="used today")
    def used_today_shown(self, user: WhitelistedUser) -> str:
        """All three kinds."""
        return show_all_usage(user)

    @display(description="keys", ordering="working_keys")
    def key_count(self, user: Any) -> int:
        """Keys neither revoked nor expired."""
        return int(user.working_keys)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Let them in; their keys work again."""
        messages.success(request, f"{queryset.filter(is_active=False).update(is_active=True)} enabled.")

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Refuse them until an operator lets them in again; their keys stay."""
        messages.success(request, f"{queryset.filter(is_active=True).update(is_active=False)} disabled.")

    @admin.action(description="Deactivate and revoke all keys", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Keep them out."""
        users = list(queryset)
        for user in users:
            services.remove_whitelisted_user(user.user_id, timezone.now())
        messages.success(request, f"{len(users)} deactivated.")
