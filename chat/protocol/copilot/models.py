"""The consumer Copilot's models. Source: docs/wire/copilot.md, section 3."""

from __future__ import annotations

from chat.protocol.model_spec import (
    NO_SEARCH_INSTRUCTION,
    STYLE_INSTRUCTIONS,
    ChatModelSpec,
    Route,
    Style,
    single_route_model,
)

LIMIT_CHARACTERS = 10_240  # of one turn, system prompt and replayed history included
# `research` is left out: it answers with tasks, which nobody has recorded (section 3.7).
MODELS: tuple[ChatModelSpec, ...] = (
    single_route_model("copilot", "Copilot as its site answers by default", "copilot", "chat", "reasoning"),
    single_route_model("copilot-think", "Copilot, thinking before it answers", "copilot", "reasoning"),
    single_route_model("copilot-smart", "Copilot, choosing its model by the question", "copilot", "smart", "reasoning"),
    single_route_model("copilot-study", "Copilot as a tutor", "copilot", "study"),
    single_route_model("copilot-search", "Copilot, searching the web first", "copilot", "search"),
)


def style_route(style: Style, *, has_search: bool) -> Route:
    """Return the route of a style: the mode "chat", with the style as a sentence of the system prompt."""
    return Route(
        "copilot", "chat", style_instruction=STYLE_INSTRUCTIONS[style] + ("" if has_search else NO_SEARCH_INSTRUCTION)
    )
