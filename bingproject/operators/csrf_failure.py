"""The page for a form that Django's CSRF check refuses: it says which setting the operator has to change.

Nearly always the server does not know the address under which its own pages are open.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_BAD_ORIGIN, REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE
from django.template.response import TemplateResponse

from bingproject.conf.origins import web_origin_of


def refused_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 and explain the reason. CSRF_FAILURE_VIEW names this function."""
    context = {
        **admin.site.each_context(request),
        "title": "The form was refused",
        "origin": _unknown_origin(request, reason),
        "public_url": _other_address(request, reason),
        "can_reload": reason == REASON_CSRF_TOKEN_MISSING or not reason.startswith("Origin checking"),
    }
    headers = {"Cache-Control": "no-store"}
    page = TemplateResponse(request, "bingproject/refused_form.html", context, status=403, headers=headers)
    return page.render()


def _unknown_origin(request: HttpRequest, reason: str) -> str:
    """Return the origin of the page in the browser if this server does not know it as its own; else ""."""
    origin = request.META.get("HTTP_ORIGIN", "")
    return web_origin_of(origin) if reason == REASON_BAD_ORIGIN % origin else ""


def _other_address(request: HttpRequest, reason: str) -> str:
    """Return the https address to open instead: over plain http a browser does not send a cookie for https."""
    is_plain = request.scheme == "http" and settings.PUBLIC_URL.startswith("https://")
    return settings.PUBLIC_URL if is_plain and reason == REASON_NO_CSRF_COOKIE else ""
