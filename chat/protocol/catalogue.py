"""The models this server offers and the routes that may serve each, from the `models.py` of every dialect."""

from __future__ import annotations

from collections.abc import Iterable

import chat.protocol.copilot.models
import chat.protocol.m365.models
import chat.protocol.sydney.models
from bingproject.errors import NotFoundError
from chat.protocol.model_spec import ChatModelSpec, Style

# A style is served by the first of these that can, unless CHAT_ROUTES says otherwise. Bing has real styles, Microsoft
# 365 has tones of the same names, and Copilot gets a sentence in the system prompt.
_STYLE_ORDER = (chat.protocol.sydney.models, chat.protocol.m365.models, chat.protocol.copilot.models)
# The order of `GET /v1/models`.
_LIST_ORDER = (chat.protocol.sydney.models, chat.protocol.copilot.models, chat.protocol.m365.models)
_STYLES: tuple[tuple[Style, str], ...] = (
    ("precise", "in its precise style: concise and to the point"),
    ("balanced", "in its balanced style: informative and friendly"),
    ("creative", "in its creative style: original and imaginative"),
)


def _style(style: Style, text: str, *, has_search: bool) -> ChatModelSpec:
    routes = tuple(provider.style_route(style, has_search=has_search) for provider in _STYLE_ORDER)
    ending = "with web search" if has_search else "without web search"
    name = style if has_search else f"{style}-offline"
    return ChatModelSpec(name, style, has_search, f"Bing Chat {text}, {ending}", routes)


STYLES: tuple[str, ...] = tuple(style for style, _ in _STYLES)
MODELS: dict[str, ChatModelSpec] = {
    spec.id: spec
    for spec in (
        *(_style(style, text, has_search=True) for style, text in _STYLES),
        *(_style(style, text, has_search=False) for style, text in _STYLES),
        *(spec for provider in _LIST_ORDER for spec in provider.MODELS),
    )
}


def all_models(extra: Iterable[ChatModelSpec] = ()) -> dict[str, ChatModelSpec]:
    """Return the models by id, including `extra`, which settings add."""
    return MODELS | {spec.id: spec for spec in extra}


def find_model(model_id: str, extra: Iterable[ChatModelSpec] = ()) -> ChatModelSpec:
    """Return a model by its id, in any letter case.

    Raises:
        NotFoundError: `model_not_found`.
    """
    models = all_models(extra)
    spec = models.get(model_id) or models.get(model_id.lower())
    if spec is None:
        raise NotFoundError(code="model_not_found", param="model")
    return spec
