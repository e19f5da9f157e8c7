"""Operators' pages for API keys: issued here and shown once, then read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts import services
from accounts.models import ApiKey
from bingproject.pages import LIST_HINT


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys: issued here and shown once, then read-only."""

    hint = "Keys of whitelisted users. A new key is shown exactly once; a revoked one opens nothing."
    list_before_template = LIST_HINT
    list_display = ("__str__", "user", "created_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__user_id", "user__name", "key_tail")
    fields = ("user", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("created_at", "last_used_at", "revoked_at")
    add_fieldsets = ((None, {"fields": ("user",)}),)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Nothing of a key can be edited; the list still needs the permission for its actions."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Revoked keys stay, so that it can be seen that there were any."""
        return False

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **options: Any) -> Any:
        """Only users who are let in get a key."""
        if db_field.name == "user":
            options["queryset"] = services.list_whitelisted_users().filter(is_active=True)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Issue the key; its text travels to the one answer that shows it."""
        issued, text = services.issue_api_key(obj.user.user_id)
        obj.pk, obj.key_tail = issued.pk, issued.key_tail
        request.issued_key_text = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page that shows the key, this once: nothing of it is kept, nor may any cache keep it."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key issued",
            "opts": self.opts,
            "key": obj,
            "text": request.issued_key_text,  # type: ignore[attr-defined]
            "list_url": reverse("admin:accounts_apikey_changelist"),
        }
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return TemplateResponse(request, "admin/accounts/apikey/issued.html", context, headers=headers)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """They open nothing from now on."""
        messages.success(request, f"{services.revoke_api_keys(queryset, timezone.now())} revoked.")
