"""The list of models in OpenAI's format."""

from __future__ import annotations

from collections.abc import Iterable

from chat.openai_format.answers import ModelCard, ModelList

# The original server has this value for each model. Clients only sort by it.
CREATED_UNIX_SECONDS = 1_700_000_000


def model_card(model_id: str, description: str) -> ModelCard:
    """Return one model.

    `owned_by` is that of the original server, whatever serves the model.
    """
    return ModelCard(model_id, "model", CREATED_UNIX_SECONDS, "bing", description)


def model_list(models: Iterable[tuple[str, str]]) -> ModelList:
    """Return the models, given as pairs of id and description."""
    return ModelList("list", [model_card(model_id, description) for model_id, description in models])
