"""The paths of chat, without a last slash, which `edge.application` removes."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from chat.api.views import (
    AskViewSet,
    ChatCompletionViewSet,
    CreateConversationViewSet,
    ModelViewSet,
    OpenConversationViewSet,
)

OPENAI_PREFIX = "v1/"
OTHER_PREFIXES = ("", "api/", "api/v1/")


def openai_paths(prefix: str, **options: Any) -> list[URLPattern]:
    """Return OpenAI's routes under one prefix."""
    return [
        path(f"{prefix}chat/completions", ChatCompletionViewSet.as_view({"post": "create"}, **options)),
        path(f"{prefix}models", ModelViewSet.as_view({"get": "browse"}, **options)),
        path(f"{prefix}models/<str:model_id>", ModelViewSet.as_view({"get": "retrieve"}, **options)),
        path(f"{prefix}create", OpenConversationViewSet.as_view({"post": "create"}, **options)),
    ]


urlpatterns: list[URLPattern] = [
    *openai_paths(OPENAI_PREFIX),
    path("chatgpt", AskViewSet.as_view({"post": "create"}), name="chatgpt"),
    path("create_conversation", CreateConversationViewSet.as_view({"post": "create"}), name="create-conversation"),
    # The same routes under the other prefixes; the API's description has them once.
    *(found for prefix in OTHER_PREFIXES for found in openai_paths(prefix, schema=None)),
]
