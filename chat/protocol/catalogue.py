"""The models this server offers, and what one turn of each back end holds.

Source: docs/wire/chathub.md, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bingproject.errors import NotFoundError

Style = Literal["precise", "balanced", "creative"]

# Characters of one turn, system prompt and replayed history included.
LIMIT_CHARACTERS = {"sydney": 32_000, "copilot": 10_240, "m365": 32_000}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the list: a style, with search or without."""

    id: str
    style: Style
    has_search: bool
    description: str


_STYLES: tuple[tuple[Style, str], ...] = (
    ("precise", "Bing Chat in its precise style: concise and to the point"),
    ("balanced", "Bing Chat in its balanced style: informative and friendly"),
    ("creative", "Bing Chat in its creative style: original and imaginative"),
)
MODELS: dict[str, ModelSpec] = {
    spec.id: spec
    for spec in (
        *(ModelSpec(style, style, True, f"{text}, with web search") for style, text in _STYLES),
        *(ModelSpec(f"{style}-offline", style, False, f"{text}, without web search") for style, text in _STYLES),
    )
}


def find_model(model_id: str) -> ModelSpec:
    """The model of that name, in any letter case.

    Raises: NotFoundError model_not_found.
    """
    spec = MODELS.get(model_id) or MODELS.get(model_id.lower())
    if spec is None:
        raise NotFoundError(code="model_not_found", param="model")
    return spec
