"""The admin's pages for 400, 403 and 404, in its own look and without details."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import defaults


@dataclass(frozen=True, slots=True)
class ErrorPageText:
    """The text of an error page."""

    title: str
    words: str


REFUSALS = {
    400: ErrorPageText(
        "This address cannot be answered",
        "It asks a list for something that its filters do not offer, or a part of the address is wrong. Open the list "
        "from the menu and use its filters and its search.",
    ),
    403: ErrorPageText(
        "You may not do this",
        "Your log-in lacks the permission for it. Ask an operator who manages log-ins for it, or go back.",
    ),
    404: ErrorPageText(
        "This page does not exist",
        "The address may be mistyped, or what it led to was deleted. Look for it from the menu.",
    ),
}
PLAIN = {400: defaults.bad_request, 403: defaults.permission_denied, 404: defaults.page_not_found}


def error_page(request: HttpRequest, exception: Exception, status: int) -> HttpResponse:
    """Return the page for this status: in the admin's look after log-in, else Django's plain one."""
    # A request that is refused before authentication, as for a wrong Host header, has no user yet.
    if not hasattr(request, "user") or not admin.site.has_permission(request):
        return PLAIN[status](request, exception)
    refusal = REFUSALS[status]
    context = {
        **admin.site.each_context(request),
        "title": refusal.title,
        "words": refusal.words,
        "home_url": reverse("admin:index"),
    }
    return TemplateResponse(request, "bingproject/refused.html", context, status=status).render()
