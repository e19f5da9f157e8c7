"""The list of models as OpenAI's clients read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# The moment the original server gives for each of its models; clients only sort by it.
CREATED_UNIX_SECONDS = 1_700_000_000


def model_card(model_id: str, description: str) -> dict[str, Any]:
    """One model: `{"id", "object": "model", "created", "owned_by": "bing", "description"}`.

    The owner is that of the original server, whatever serves the model.
    """
    return {
        "id": model_id,
        "object": "model",
        "created": CREATED_UNIX_SECONDS,
        "owned_by": "bing",
        "description": description,
    }


def model_list(models: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """All models, from pairs of id and description: `{"object": "list", "data": [card…]}`."""
    return {"object": "list", "data": [model_card(model_id, description) for model_id, description in models]}
