"""The six models and what a turn holds."""

from __future__ import annotations

import pytest

from bingproject.errors import NotFoundError
from chat.protocol.catalogue import LIMIT_CHARACTERS, MODELS, find_model


def test_the_six_models() -> None:
    """Three styles, each with search and without."""
    styles = ("precise", "balanced", "creative")
    assert [*MODELS] == [*styles, *(f"{style}-offline" for style in styles)]
    for model_id, spec in MODELS.items():
        assert spec.id == model_id
        assert spec.style == model_id.removesuffix("-offline")
        assert spec.has_search is not model_id.endswith("-offline")
        assert spec.description.endswith("without web search") is not spec.has_search


def test_limits() -> None:
    """One constant for each back end."""
    assert LIMIT_CHARACTERS == {"sydney": 32_000, "copilot": 10_240, "m365": 32_000}


@pytest.mark.parametrize("model_id", ["precise-offline", "Precise-Offline", "PRECISE-OFFLINE"])
def test_models_are_found_in_any_letter_case(model_id: str) -> None:
    """As the original server finds them."""
    assert find_model(model_id) is MODELS["precise-offline"]


@pytest.mark.parametrize("model_id", ["gpt-4", "", "precise ", "offline"])
def test_an_unknown_model_is_not_found(model_id: str) -> None:
    """There is no silent default."""
    with pytest.raises(NotFoundError) as caught:
        find_model(model_id)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
