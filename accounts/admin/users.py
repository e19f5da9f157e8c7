"""Operators' pages for whitelisted users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts.admin.key_batches import KeyBatchMixin
from accounts.admin.term_forms import WhitelistedUserForm
from accounts.admin.usage import UsageChangeList, show_all_usage, show_usage
from accounts.admin.user_links import show_user_links
from accounts.admin.whitelist_pages import WhitelistFilesAdmin
from accounts.callers import services as caller_services
from accounts.models import Capability, WhitelistedUser
from bingproject.operators.base_admin import LIST_HINT


@admin.register(WhitelistedUser)
class WhitelistedUserAdmin(KeyBatchMixin, WhitelistFilesAdmin):
    """The list and the form of whitelisted users."""

    hint = "People and programs that may use this server, by a key or by the id that two-call clients send."
    list_before_template = LIST_HINT
    empty_text = "Add the people who may use this server, one by one or by importing a file, then issue keys to them."
    form = WhitelistedUserForm
    list_display = (
        "user_id", "name", "let_in", "expires_at", "images_today", "videos_today", "chats_today", "key_count",
    )  # fmt: skip
    list_per_page = 50
    list_filter = ("is_active",)
    search_fields = ("user_id", "name", "note")
    fieldsets = (
        (None, {"fields": ("user_id", "name", "note", "is_active", "expires_at", "created_at")}),
        ("Limits for one UTC day", {"fields": (*WhitelistedUserForm.limits, "used_today_shown")}),
    )
    readonly_fields = ("created_at", "used_today_shown")
    add_fieldsets = (
        (None, {"fields": ("user_id", "name", "note", "is_active", "expires_at")}),
        ("Limits for one UTC day", {"fields": WhitelistedUserForm.limits}),
    )
    actions = ("issue_keys", "enable", "disable", "remove")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhitelistedUser]:
        """Add the number of working keys as `working_keys`."""
        unexpired = Q(api_keys__expires_at=None) | Q(api_keys__expires_at__gt=timezone.now())
        keys = Count("api_keys", filter=Q(api_keys__revoked_at=None) & unexpired)
        return super().get_queryset(request).annotate(working_keys=keys)

    def parts_for(self, request: HttpRequest, row: WhitelistedUser) -> Sequence[tuple[str, str]]:
        """Add links to the user's pictures, chats and keys."""
        return [("Pictures, chats and keys", show_user_links(request, row))]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[UsageChangeList]:
        """Return the page class that reads today's use."""
        return UsageChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: WhitelistedUser | None = None) -> Sequence[str]:
        """Make the id read-only after the user was added: tasks, conversations and counters carry it."""
        return self.readonly_fields if obj is None else ("user_id", *self.readonly_fields)

    @display(description="let in", ordering="is_active", boolean=True)
    def let_in(self, user: WhitelistedUser) -> bool:
        """True if the user is active and not expired."""
        return user.is_let_in(timezone.now())

    @display(description="images today", ordering="daily_images")
    def images_today(self, user: WhitelistedUser) -> str:
        """Return today's pictures and their limit."""
        return show_usage(user, Capability.IMAGE, user.daily_images)

    @display(description="videos today", ordering="daily_videos")
    def videos_today(self, user: WhitelistedUser) -> str:
        """Return today's videos and their limit."""
        return show_usage(user, Capability.VIDEO, user.daily_videos)

    @display(description="chats today", ordering="daily_chats")
    def chats_today(self, user: WhitelistedUser) -> str:
        """Return today's chat turns and their limit."""
        return show_usage(user, Capability.CHAT, user.daily_chats)

    @display(description="used today")
    def used_today_shown(self, user: WhitelistedUser) -> str:
        """Return today's use of all three kinds."""
        return show_all_usage(user)

    @display(description="keys", ordering="working_keys")
    def key_count(self, user: Any) -> int:
        """Return the number of keys that are neither revoked nor expired."""
        return int(user.working_keys)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Enable users; their keys work again."""
        messages.success(request, f"{queryset.filter(is_active=False).update(is_active=True)} enabled.")

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Disable users without revoking their keys."""
        messages.success(request, f"{queryset.filter(is_active=True).update(is_active=False)} disabled.")

    @admin.action(description="Deactivate and revoke all keys", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Deactivate users and revoke all their keys."""
        users = list(queryset)
        for user in users:
            caller_services.remove_whitelisted_user(user.user_id, timezone.now())
        messages.success(request, f"{len(users)} deactivated.")
