"""The models this server offers, what may serve each of them, and what one turn of each back end holds.

Source: docs/wire/chathub.md, section 4; docs/wire/copilot.md, section 3; docs/wire/m365.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bingproject.errors import NotFoundError

Style = Literal["precise", "balanced", "creative"]

# Characters of one turn, system prompt and replayed history included.
LIMIT_CHARACTERS = {"sydney": 32_000, "copilot": 10_240, "m365": 32_000}


@dataclass(frozen=True, slots=True)
class Route:
    """One way to serve a model: which back end, and in which of its manners (Bing's style, a mode, a tone).

    Shape: `thinking` is the manner that reasons, "" where there is none besides; `style_line` is told to the back end
    with the caller's system prompt.
    """

    back_end: str
    manner: str
    thinking: str = ""
    style_line: str = ""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the list. A style has several routes, in an order that the operator may change."""

    id: str
    style: Style | Literal[""]
    has_search: bool
    description: str
    routes: tuple[Route, ...] = ()

    @property
    def can_think(self) -> bool:
        """Whether more reasoning can be had by asking for it."""
        return any(route.thinking for route in self.routes)

    def routes_by(self, order: Mapping[str, Sequence[str]]) -> tuple[Route, ...]:
        """Its routes in the operator's order: by its style's name, else by "*"; without a style there is no choice."""
        if not self.style:
            return self.routes
        by_name = {route.back_end: route for route in self.routes}
        return tuple(by_name[name] for name in order.get(self.style) or order.get("*") or by_name if name in by_name)


_STYLES: tuple[tuple[Style, str], ...] = (
    ("precise", "in its precise style: concise and to the point"),
    ("balanced", "in its balanced style: informative and friendly"),
    ("creative", "in its creative style: original and imaginative"),
)
# What stands in for a style where there is no such thing.
_STYLE_LINES = {
    "precise": "Answer concisely, precisely and to the point.",
    "balanced": "Answer informatively and in a friendly tone.",
    "creative": "Answer in an original and imaginative way.",
}
_NO_SEARCH_LINE = " Do not search the web."


def _style(style: Style, text: str, *, has_search: bool) -> ModelSpec:
    line = _STYLE_LINES[style] + ("" if has_search else _NO_SEARCH_LINE)
    routes = (
        Route("bing", style),
        Route("m365", style.capitalize()),
        Route("copilot", "chat", style_line=line),
    )
    ending = "with web search" if has_search else "without web search"
    name = style if has_search else f"{style}-offline"
    return ModelSpec(name, style, has_search, f"Bing Chat {text}, {ending}", routes)


def _only(model_id: str, description: str, back_end: str, manner: str, thinking: str = "") -> ModelSpec:
    return ModelSpec(model_id, "", True, description, (Route(back_end, manner, thinking),))


STYLES: tuple[str, ...] = tuple(style for style, _ in _STYLES)
MODELS: dict[str, ModelSpec] = {
    spec.id: spec
    for spec in (
        *(_style(style, text, has_search=True) for style, text in _STYLES),
        *(_style(style, text, has_search=False) for style, text in _STYLES),
        _only("copilot", "Copilot as its site answers by default", "copilot", "chat", "reasoning"),
        _only("copilot-think", "Copilot, thinking before it answers", "copilot", "reasoning"),
        _only("copilot-smart", "Copilot, choosing its model by the question", "copilot", "smart", "reasoning"),
        _only("copilot-study", "Copilot as a tutor", "copilot", "study"),
        _only("copilot-search", "Copilot, searching the web first", "copilot", "search"),
        _only("m365", "Microsoft 365 Copilot, choosing its model by the question", "m365", "Magic", "Gpt_Reasoning"),
        _only("m365-quick", "Microsoft 365 Copilot, answering at once", "m365", "Gpt_Quick", "Gpt_Reasoning"),
        _only("m365-think", "Microsoft 365 Copilot, thinking before it answers", "m365", "Gpt_Reasoning"),
    )
}


def all_models(tones: Iterable[str] = ()) -> dict[str, ModelSpec]:
    """The models by their names, one for each further tone of Microsoft 365's among them.

    Shape: `Gpt_5_2_Quick` → `m365-gpt-5-2-quick`.
    """
    named = {f"m365-{tone.lower().replace('_', '-')}": tone for tone in tones}
    told = "Microsoft 365 Copilot by its tone"
    return MODELS | {name: _only(name, f"{told} {tone}", "m365", tone) for name, tone in named.items()}


def find_model(model_id: str, tones: Iterable[str] = ()) -> ModelSpec:
    """The model of that name, in any letter case.

    Raises: NotFoundError model_not_found.
    """
    models = all_models(tones) if tones else MODELS
    spec = models.get(model_id) or models.get(model_id.lower())
    if spec is None:
        raise NotFoundError(code="model_not_found", param="model")
    return spec
