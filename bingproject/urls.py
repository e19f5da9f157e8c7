"""Every path: the apps', the admin's, health checks, the API's description. Hot routes stand first."""

from __future__ import annotations

import sys

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views import defaults
from drf_spectacular.views import SpectacularAPIView

from bingproject.api.viewsets import error_response
from bingproject.database.outages import is_outage, outages
from bingproject.edge._compat_django import mark_logged
from bingproject.edge.application import is_admin_path
from bingproject.edge.content_policy import DocumentationView
from bingproject.edge.health import AliveView, ReadyView
from bingproject.edge.unavailable import refusal_page
from bingproject.errors import InternalError, NotFoundError, UnavailableError
from bingproject.operators.error_pages import error_page
from chat.api.urls import urlpatterns as chat_paths
from creator.api.urls import urlpatterns as creator_paths

# API paths are written without their last slash: the gate takes it off, so that both forms work.
urlpatterns: list[URLPattern | URLResolver] = [
    *creator_paths,
    *chat_paths,
    path("healthz", AliveView.as_view(), name="healthz"),
    path("readyz", ReadyView.as_view(), name="readyz"),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", DocumentationView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
]


# Many clients show nothing else of the answer: it says where their request belongs.
UNKNOWN_PATH = (
    "Not found. Chat is at POST /v1/chat/completions, models are at GET /v1/models, pictures at "
    "POST /v1/images/generations; GET /api/docs lists all routes."
)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page in the admin, JSON everywhere else."""
    if is_admin_path(request.path):
        return error_page(request, exception, 404)
    return mark_logged(error_response(NotFoundError(UNKNOWN_PATH)))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page in the admin; API paths raise errors of ours."""
    if is_admin_path(request.path):
        return error_page(request, exception, 400)
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page in the admin; API paths raise errors of ours."""
    if is_admin_path(request.path):
        return error_page(request, exception, 403)
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """A page in the admin, JSON everywhere else; no detail in either. Django calls this while it handles the error."""
    error = sys.exc_info()[1]
    if error is not None and is_outage(error):
        outages.note(error)
        return mark_logged(unavailable(request))
    if is_admin_path(request.path):
        return defaults.server_error(request)
    return error_response(InternalError())


def unavailable(request: HttpRequest) -> HttpResponse:
    """503 without a query."""
    if not is_admin_path(request.path):
        return error_response(UnavailableError())
    page = refusal_page(UnavailableError())
    return HttpResponse(page.html, status=page.status, headers=page.headers)


handler400 = "bingproject.urls.bad_request"
handler403 = "bingproject.urls.forbidden"
handler404 = "bingproject.urls.not_found"
handler500 = "bingproject.urls.server_error"
