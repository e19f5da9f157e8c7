"""Operators' pages for API keys. A key is shown once; its label, scopes and limits can change until it is revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from accounts.admin.key_commands import commands_of
from accounts.admin.links import lead_to
from accounts.admin.shown_once import HEADERS, redirect_to_secret, report_shown_already, take_secret
from accounts.admin.term_forms import ApiKeyForm
from accounts.callers import services as caller_services
from accounts.models import ApiKey
from bingproject.operators.base_admin import LIST_HINT, RecordedAdmin

ISSUED_PAGE = "admin:accounts_apikey_issued"
STATES = {"active": "Active", "refused": "User not let in", "expired": "Expired", "revoked": "Revoked"}
STATE_COLOURS = {"active": "success", "refused": "warning", "expired": "warning", "revoked": "danger"}


class KeyStateFilter(admin.SimpleListFilter):
    """Filter keys by state."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the four states."""
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        """Return the keys in the chosen state."""
        now = timezone.now()
        expired = Q(revoked_at=None, expires_at__lte=now)
        live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
        let_in = Q(user__is_active=True) & (Q(user__expires_at=None) | Q(user__expires_at__gt=now))
        chosen = {
            "active": live & let_in,
            "refused": live & ~let_in,
            "expired": expired,
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


def state_of(key: ApiKey) -> str:
    """Return one of `STATES`; the filter above queries the same rules."""
    now = timezone.now()
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "active" if key.user.is_let_in(now) else "refused"


@admin.register(ApiKey)
class ApiKeyAdmin(RecordedAdmin):
    """The list and the forms of API keys."""

    hint = (
        "Keys of whitelisted users. A new key is shown exactly once. Changes of label, scopes, rate and expiry apply "
        "from the next request on; a revoked key cannot be restored."
    )
    list_before_template = LIST_HINT
    empty_text = "Add a whitelisted user first, then issue a key to them."
    form = ApiKeyForm
    list_display = (
        "__str__", "state_shown", "label", "user", "good_for", "rate", "expires_at", "last_used_at", "created_at",
    )  # fmt: skip
    list_filter = (
        KeyStateFilter, ("user", AutocompleteSelectFilter), "can_make_images", "can_make_videos", "can_chat",
    )  # fmt: skip
    list_per_page = 50
    list_select_related = ("user",)
    search_fields = ("user__user_id", "user__name", "label", "key_tail")
    search_help_text = "User, label, or the last four characters"
    change_fieldsets = (
        (None, {"fields": ("state_text", "user", "created_at", "last_used_at", "revoked_at")}),
        ("What it may do", {"fields": tuple(ApiKeyForm.Meta.fields[1:])}),
    )
    view_fieldsets = (
        (None, {"fields": ("state_text", "user", "created_at", "last_used_at", "revoked_at")}),
        ("What it may do", {"fields": ("label", "good_for", "rate", "expires_at")}),
    )
    readonly_fields = ("state_text", "good_for", "rate", "created_at", "last_used_at", "revoked_at")
    add_fieldsets = ((None, {"fields": tuple(ApiKeyForm.Meta.fields)}),)
    actions = ("revoke",)
    actions_detail = ("revoke_this",)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows a new key."""
        view = self.admin_site.admin_view(require_GET(self.show_issued))
        return [path("issued/<str:name>/", view, name="accounts_apikey_issued"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Return input fields for operators who may change the key, and texts for the others."""
        if obj is None:
            return self.add_fieldsets
        return self.change_fieldsets if self.has_change_permission(request, obj) else self.view_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Sequence[str]:
        """Make the user read-only: a key cannot change hands."""
        return self.readonly_fields if obj is None else ("user", *self.readonly_fields)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """False for a revoked key."""
        return (obj is None or obj.revoked_at is None) and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Return False: revoked keys stay visible."""
        return False

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """True if the operator may change the key, which is not revoked yet."""
        key = None if object_id is None else self.get_object(request, str(object_id))
        return bool(self.has_change_permission(request, key))

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **options: Any) -> Any:
        """Offer only users who are active and not expired."""
        if db_field.name == "user":
            unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
            options["queryset"] = caller_services.list_whitelisted_users().filter(unexpired, is_active=True)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Change the key, or issue a new one, whose text `response_add` reads from the request."""
        if change:
            if not caller_services.change_api_key(obj, form.changed_data):
                messages.error(request, "The key has been revoked in the meantime: nothing was changed.")
            return
        issued, text = caller_services.issue_api_key(
            obj.user.user_id,
            label=obj.label,
            scopes=obj.scopes,
            per_minute=obj.per_minute,
            expires_at=obj.expires_at,
        )
        obj.pk, obj.key_tail = issued.pk, issued.key_tail
        # On the request, since all threads share this object.
        request.issued_key_text = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Redirect to the page that shows the key: reloading a response to the form would issue another key."""
        text: str = request.issued_key_text  # type: ignore[attr-defined]
        return redirect_to_secret(request, ISSUED_PAGE, {"key": obj.pk, "text": text})

    def show_issued(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show the new key once: its text is deleted with this request, and no cache may store the page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        facts = take_secret(request, ISSUED_PAGE, name)
        key = facts and ApiKey.objects.select_related("user").filter(pk=facts["key"]).first()
        if not facts or not key:
            return report_shown_already(request, "admin:accounts_apikey_changelist")
        context = self._issued_context(request, key, facts["text"])
        return TemplateResponse(request, "admin/accounts/apikey/issued.html", context, headers=HEADERS)

    def _issued_context(self, request: HttpRequest, key: ApiKey, text: str) -> dict[str, Any]:
        address = (settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}").rstrip("/")
        return {
            **self.admin_site.each_context(request),
            "title": "API key issued",
            "opts": self.opts,
            "key": key,
            "text": text,
            "commands": commands_of(text, key.scopes, address),
            "list_url": reverse("admin:accounts_apikey_changelist"),
            "user_url": reverse("admin:accounts_whitelisteduser_change", args=[key.user_id]),
        }

    @display(description="state", label={STATES[state]: colour for state, colour in STATE_COLOURS.items()})
    def state_shown(self, key: ApiKey) -> str:
        """Return the state as a coloured label."""
        return STATES[state_of(key)]

    @display(description="state")
    def state_text(self, key: ApiKey) -> str:
        """Return the state as text."""
        return STATES[state_of(key)]

    @display(description="good for")
    def good_for(self, key: ApiKey) -> str:
        """Return the key's scopes."""
        return ", ".join(key.scopes) or "reading only"

    @display(description="per minute", ordering="per_minute")
    def rate(self, key: ApiKey) -> str:
        """Return the limit of requests per minute."""
        return "no limit" if key.per_minute is None else str(key.per_minute)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke the selected keys."""
        messages.success(request, f"{caller_services.revoke_api_keys(queryset, timezone.now())} revoked.")

    @action(
        description="Revoke",
        permissions=["revoke"],
        url_path="revoke",
        icon="block",
        dialog={
            "title": "Revoke this key?",
            "description": "It is refused from the next request on. This cannot be undone.",
            "form_submit_text": "Revoke the key",
        },
    )
    def revoke_this(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Revoke the key of this page."""
        caller_services.revoke_api_keys(ApiKey.objects.filter(pk=object_id), timezone.now())
        messages.success(request, "Revoked.")
        return lead_to(request, reverse("admin:accounts_apikey_change", args=[object_id]))
