"""Operators' pages for whitelisted users: who may use this server."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts import services
from accounts.models import WhitelistedUser
from bingproject.pages import LIST_HINT


@admin.register(WhitelistedUser)
class WhitelistedUserAdmin(ModelAdmin):
    """Who may use this server."""

    hint = "People and programs that may use this server with a key, and the ids that two-call clients send."
    list_before_template = LIST_HINT
    list_display = ("user_id", "name", "is_active", "key_count", "created_at")
    list_filter = ("is_active",)
    search_fields = ("user_id", "name", "note")
    readonly_fields = ("created_at",)
    actions = ("remove",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhitelistedUser]:
        """With the number of keys that work."""
        keys = Count("api_keys", filter=Q(api_keys__revoked_at=None))
        return super().get_queryset(request).annotate(working_keys=keys)

    @display(description="keys", ordering="working_keys")
    def key_count(self, user: Any) -> int:
        """Keys not revoked."""
        return int(user.working_keys)

    @admin.action(description="Deactivate and revoke all keys", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Keep them out."""
        users = list(queryset)
        for user in users:
            services.remove_whitelisted_user(user.user_id, timezone.now())
        messages.success(request, f"{len(users)} deactivated.")
