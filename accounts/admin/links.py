"""Redirects between operators' pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


def lead_to(request: HttpRequest, address: str) -> HttpResponse:
    """Redirect from one of the theme's dialogs, which need htmx's header for it, or from a plain form."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
