"""The page "How to get a cookie": the steps in a browser for each kind of account."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.admin.instructions import HELP_TEXTS
from accounts.models import Account, AccountKind


class CookieGuideMixin:
    """The page's path and view; a mixin that must precede the theme's `ModelAdmin`."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the page, before `<id>/`, which would match it."""
        page = path("how-to/", self.admin_site.admin_view(self.how_to), name="accounts_account_how_to")
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # the theme's ModelAdmin has it
        return [page, *urls]

    def how_to(self, request: HttpRequest) -> HttpResponse:
        """Show the steps to operators who may view accounts."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]  # the theme's ModelAdmin has it
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "How to get a cookie",
            "opts": Account._meta,
            "kinds": [(kind.label, HELP_TEXTS["new_cookies"][kind]) for kind in AccountKind],
            "add_url": reverse("admin:accounts_account_add"),
            "may_add": self.has_add_permission(request),  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/account/how_to.html", context)
