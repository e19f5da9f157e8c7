"""A model: its id, and the back ends that may serve it, each in one of its modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# Bing's three conversation styles, which the original server has as models.
Style = Literal["precise", "balanced", "creative"]
# For a back end without styles: the sentence is sent in front of the caller's system prompt.
STYLE_INSTRUCTIONS: dict[Style, str] = {
    "precise": "Answer concisely, precisely and to the point.",
    "balanced": "Answer informatively and in a friendly tone.",
    "creative": "Answer in an original and imaginative way.",
}
NO_SEARCH_INSTRUCTION = " Do not search the web."


@dataclass(frozen=True, slots=True)
class Route:
    """One way to serve a model: a back end and one of its modes.

    Attributes:
        back_end: A key of `BACK_ENDS`, e.g. "bing".
        mode: The back end's own word for it, e.g. a style of Bing's.
        thinking: The mode that reasons longer, for `reasoning_effort`. "" if there is no other one.
        style_instruction: A sentence for the system prompt of a back end that has no styles, else "".
    """

    back_end: str
    mode: str
    thinking: str = ""
    style_instruction: str = ""


@dataclass(frozen=True, slots=True)
class ChatModelSpec:
    """One model of the list.

    A style (`precise`, `creative-offline`) has several routes; any other model has `style` "" and exactly one.
    """

    id: str
    style: Style | Literal[""]
    has_search: bool
    description: str
    routes: tuple[Route, ...] = ()

    @property
    def can_think(self) -> bool:
        """True if a route has a mode that reasons longer."""
        return any(route.thinking for route in self.routes)

    def routes_by(self, order: Mapping[str, Sequence[str]]) -> tuple[Route, ...]:
        """Return the routes in the operator's order.

        Args:
            order: The setting CHAT_ROUTES: a style, or "*" for every other style, to names of back ends. Back ends that
                it leaves out serve nothing. It does not apply to a model without a style.
        """
        if not self.style:
            return self.routes
        # A name without a route is skipped: the order may list every back end for every style.
        by_name = {route.back_end: route for route in self.routes}
        return tuple(by_name[name] for name in order.get(self.style) or order.get("*") or by_name if name in by_name)


def single_route_model(model_id: str, description: str, back_end: str, mode: str, thinking: str = "") -> ChatModelSpec:
    """Return a model that has one route, and searches."""
    return ChatModelSpec(model_id, "", True, description, (Route(back_end, mode, thinking),))
