"""Microsoft 365 Copilot's models, one for each tone. Source: docs/wire/m365.md, section 4."""

from __future__ import annotations

from collections.abc import Iterable

from chat.protocol.model_spec import ChatModelSpec, Route, Style, single_route_model

LIMIT_CHARACTERS = 32_000  # of one turn, system prompt and replayed history included
# An account gets an empty answer for a tone it is not licensed for, and no error (section 4.3).
_THINKING = "Gpt_Reasoning"
MODELS: tuple[ChatModelSpec, ...] = (
    single_route_model("m365", "Microsoft 365 Copilot, choosing its model by the question", "m365", "Magic", _THINKING),
    single_route_model("m365-quick", "Microsoft 365 Copilot, answering at once", "m365", "Gpt_Quick", _THINKING),
    single_route_model("m365-think", "Microsoft 365 Copilot, thinking before it answers", "m365", _THINKING),
)


def style_route(style: Style, *, has_search: bool) -> Route:
    """Return the route of a style: the tone of the same name."""
    return Route("m365", style.capitalize())


def tone_models(tones: Iterable[str]) -> tuple[ChatModelSpec, ...]:
    """Return a model for each further tone of the service: `Gpt_5_2_Quick` becomes `m365-gpt-5-2-quick`."""
    return tuple(
        single_route_model(
            f"m365-{tone.lower().replace('_', '-')}", f"Microsoft 365 Copilot by its tone {tone}", "m365", tone
        )
        for tone in tones
    )
