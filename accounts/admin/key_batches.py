"""Issue keys to many users: ask for scopes and limits, then show all keys once, as a page and as CSV."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import Any
from urllib.parse import quote

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, AdminForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.admin.shown_once import HEADERS, redirect_to_secret, report_shown_already, take_secret
from accounts.admin.tables import escape_formula
from accounts.admin.term_forms import ApiKeyForm
from accounts.callers import services as caller_services
from accounts.models import SCOPES, ApiKey, WhitelistedUser

MOST_USERS = 5_000
COLUMNS = ("user_id", "name", "key")
TERMS = tuple(ApiKeyForm.Meta.fields[1:])
FILE_NAME = "api-keys.csv"
ISSUED_PAGE = "admin:accounts_whitelisteduser_issued_keys"
LIST_PAGE = "admin:accounts_whitelisteduser_changelist"


class KeyBatchMixin:
    """The action of the users' list; a mixin that must precede the theme's `ModelAdmin`."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows new keys."""
        view = self.admin_site.admin_view(require_GET(self.show_issued_keys))
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # the theme's ModelAdmin has it
        return [path("issued-keys/<str:name>/", view, name="accounts_whitelisteduser_issued_keys"), *urls]

    def has_issue_permission(self, request: HttpRequest) -> bool:
        """True if the operator may add keys."""
        return bool(request.user.has_perm("accounts.add_apikey"))

    @admin.action(description="Issue a key to each", permissions=["issue"])
    def issue_keys(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> HttpResponse | None:
        """Ask for scopes and limits, then redirect to the new keys."""
        users = list(queryset[: MOST_USERS + 1])  # one more than allowed shows that there are too many
        if len(users) > MOST_USERS:
            messages.error(request, f"At most {MOST_USERS:,} users at once. Narrow the list by a filter or a search.")
            return None
        form = self._form(request)
        if "post" in request.POST and form.is_valid():
            return self._issue(request, users, form.cleaned_data)
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "title": "Issue a key to each",
            "opts": self.opts,
            "media": form.media,
            "adminform": AdminForm(form, [(None, {"fields": list(TERMS)})], {}, model_admin=self),  # type: ignore[arg-type]
            "count": sum(user.is_let_in(now) for user in users),
            "skipped": [user for user in users if not user.is_let_in(now)],
            "users": users,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "list_url": reverse(LIST_PAGE),
        }
        return TemplateResponse(request, "admin/accounts/whitelisteduser/issue_keys.html", context)

    def _form(self, request: HttpRequest) -> Any:
        """Return a key's form without its user, with the theme's widgets."""
        with_widget = partial(self.formfield_for_dbfield, request=request)  # type: ignore[attr-defined]  # ModelAdmin has it
        form_class: Any = modelform_factory(ApiKey, form=ApiKeyForm, fields=TERMS, formfield_callback=with_widget)
        return form_class(request.POST if "post" in request.POST else None)

    def _issue(self, request: HttpRequest, users: list[WhitelistedUser], terms: dict[str, Any]) -> HttpResponse:
        issued = caller_services.issue_api_keys(
            users,
            label=terms["label"],
            scopes=[scope for scope, column in SCOPES.items() if terms[column]],
            per_minute=terms["per_minute"],
            expires_at=terms["expires_at"],
        )
        facts = {"text": write_keys(issued), "count": len(issued), "left_out": len(users) - len(issued)}
        return redirect_to_secret(request, ISSUED_PAGE, facts)

    def show_issued_keys(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show the new keys once."""
        if not self.has_issue_permission(request):
            raise PermissionDenied
        facts = take_secret(request, ISSUED_PAGE, name)
        if facts is None:
            return report_shown_already(request, LIST_PAGE)
        context = {
            **self.admin_site.each_context(request),
            **facts,
            "title": "API keys issued",
            "opts": self.opts,
            "file_name": FILE_NAME,
            # A data URL, since the keys are deleted by now: a second request could not download them.
            "file_url": f"data:text/csv;charset=utf-8,{quote(facts['text'])}",
            "list_url": reverse(LIST_PAGE),
        }
        template = "admin/accounts/whitelisteduser/issued_keys.html"
        return TemplateResponse(request, template, context, headers=HEADERS)


def write_keys(issued: list[tuple[ApiKey, str]]) -> str:
    """Return the keys as CSV, with formulas escaped."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows((escape_formula(key.user.user_id), escape_formula(key.user.name), value) for key, value in issued)
    return text.getvalue()
