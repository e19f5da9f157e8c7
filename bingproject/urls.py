"""Every path: the apps', the admin's, health checks, the API's description. Hot routes stand first."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views import defaults
from drf_spectacular.views import SpectacularAPIView

from bingproject.api import error_response, mark_logged
from bingproject.content_policy import DocumentationView
from bingproject.errors import InternalError, NotFoundError
from bingproject.gate import is_admin_path
from bingproject.health import AliveView, ReadyView
from chat.urls import urlpatterns as chat_paths
from creator.urls import urlpatterns as creator_paths

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


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page in the admin, JSON everywhere else."""
    if is_admin_path(request.path):
        return defaults.page_not_found(request, exception)
    return mark_logged(error_response(NotFoundError()))


def server_error(request: HttpRequest) -> HttpResponse:
    """A page in the admin, JSON everywhere else; no detail in either."""
    if is_admin_path(request.path):
        return defaults.server_error(request)
    return error_response(InternalError())


handler404 = "bingproject.urls.not_found"
handler500 = "bingproject.urls.server_error"
