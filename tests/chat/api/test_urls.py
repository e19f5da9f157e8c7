"""The chat's paths: each leads to its view by its method, under every prefix."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import Resolver404, resolve

from chat.api.urls import urlpatterns
from chat.api.views import (
    AskViewSet,
    ChatCompletionViewSet,
    CreateConversationViewSet,
    ModelViewSet,
    OpenConversationViewSet,
)


@pytest.mark.parametrize("prefix", ["", "/v1", "/api", "/api/v1"])
@pytest.mark.parametrize(
    ("path", "view", "actions"),
    [
        ("/chat/completions", ChatCompletionViewSet, {"post": "create"}),
        ("/models", ModelViewSet, {"get": "browse"}),
        ("/models/precise", ModelViewSet, {"get": "retrieve"}),
        ("/create", OpenConversationViewSet, {"post": "create"}),
    ],
)
def test_openai_paths(prefix: str, path: str, view: type, actions: dict[str, str]) -> None:
    """All that the contract lists, in the whole project's patterns."""
    found: Any = resolve(prefix + path).func
    assert found.cls is view
    assert {name: action for name, action in found.actions.items() if name != "head"} == actions


@pytest.mark.parametrize(
    ("path", "view"), [("/chatgpt", AskViewSet), ("/create_conversation", CreateConversationViewSet)]
)
def test_two_call_paths(path: str, view: type) -> None:
    """Without any prefix."""
    found: Any = resolve(path).func
    assert (found.cls, found.actions) == (view, {"post": "create"})
    for prefix in ("/v1", "/api"):
        with pytest.raises(Resolver404):
            resolve(prefix + path)


@pytest.mark.parametrize("path", ["/v2/models", "/chat", "/v1/models/a/b", "/completions"])
def test_other_paths_lead_nowhere(path: str) -> None:
    """They are answered 404 by the project."""
    with pytest.raises(Resolver404):
        resolve(path)


def test_the_hot_path_is_tried_first() -> None:
    """Patterns are tried in order."""
    assert urlpatterns[0].callback is resolve("/v1/chat/completions").func
