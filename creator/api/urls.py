"""The paths of the creator, the most frequent first, without a last slash, which `edge.application` removes."""

from __future__ import annotations

from django.urls import URLPattern, path

from creator.api.views import CreateImageViewSet, CreateVideoViewSet, ImageGenerationViewSet, SiteViewSet, TaskViewSet

OPENAI_PREFIX = "v1/"
OTHER_PREFIXES = ("", "api/", "api/v1/")

urlpatterns: list[URLPattern] = [
    path("task/<str:task_id>", TaskViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="task"),
    path("create/image", CreateImageViewSet.as_view({"post": "create"}), name="create-image"),
    path("create/video", CreateVideoViewSet.as_view({"post": "create"}), name="create-video"),
    path("tasks", TaskViewSet.as_view({"get": "browse"}), name="tasks"),
    path(
        f"{OPENAI_PREFIX}images/generations", ImageGenerationViewSet.as_view({"post": "create"}), name="generate-images"
    ),
    path("health", SiteViewSet.as_view({"get": "health"}), name="health"),
    path("options", SiteViewSet.as_view({"get": "list_options"}), name="options"),
    path("", SiteViewSet.as_view({"get": "index"}), name="index"),
    # The same route under the other prefixes; the API's description has it once.
    *(
        path(f"{prefix}images/generations", ImageGenerationViewSet.as_view({"post": "create"}, schema=None))
        for prefix in OTHER_PREFIXES
    ),
]
