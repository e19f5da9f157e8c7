"""The creator's paths: each leads to its view by its method, and the hot one is tried first."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import Resolver404, resolve

from creator.api.urls import urlpatterns
from creator.api.views import CreateImageViewSet, CreateVideoViewSet, ImageGenerationViewSet, SiteViewSet, TaskViewSet


@pytest.mark.parametrize(
    ("path", "view", "actions"),
    [
        ("/", SiteViewSet, {"get": "index"}),
        ("/health", SiteViewSet, {"get": "health"}),
        ("/options", SiteViewSet, {"get": "list_options"}),
        ("/task/x", TaskViewSet, {"get": "retrieve", "delete": "destroy"}),
        ("/tasks", TaskViewSet, {"get": "browse"}),
        ("/create/image", CreateImageViewSet, {"post": "create"}),
        ("/create/video", CreateVideoViewSet, {"post": "create"}),
        ("/images/generations", ImageGenerationViewSet, {"post": "create"}),
        ("/v1/images/generations", ImageGenerationViewSet, {"post": "create"}),
        ("/api/images/generations", ImageGenerationViewSet, {"post": "create"}),
        ("/api/v1/images/generations", ImageGenerationViewSet, {"post": "create"}),
    ],
)
def test_each_path_leads_to_its_view(path: str, view: type, actions: dict[str, str]) -> None:
    """All that the contract lists, in the whole project's patterns."""
    found: Any = resolve(path).func
    assert found.cls is view
    assert {name: action for name, action in found.actions.items() if name != "head"} == actions


@pytest.mark.parametrize(
    "path", ["/task", "/task/a/b", "/create/audio", "/v2/images/generations", "/image/generations"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    """They are answered 404 by the project."""
    with pytest.raises(Resolver404):
        resolve(path)


def test_the_hot_path_is_tried_first() -> None:
    """Patterns are tried in order."""
    assert urlpatterns[0].name == "task"
