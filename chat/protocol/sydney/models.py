"""How Bing Chat serves the styles. Source: docs/wire/chathub.md, section 4."""

from __future__ import annotations

from chat.protocol.model_spec import ChatModelSpec, Route, Style

LIMIT_CHARACTERS = 32_000  # of one turn, system prompt and replayed history included
MODELS: tuple[ChatModelSpec, ...] = ()


def style_route(style: Style, *, has_search: bool) -> Route:
    """Return the route of a style, which Bing has itself."""
    return Route("bing", style)
