"""The models, what may serve them, and what a turn holds."""

from __future__ import annotations

import pytest

from bingproject.errors import NotFoundError
from chat.protocol import copilot, m365
from chat.protocol.catalogue import LIMIT_CHARACTERS, MODELS, all_models, find_model


def test_the_six_models() -> None:
    """Three styles, each with search and without."""
    styles = ("precise", "balanced", "creative")
    assert [*MODELS][:6] == [*styles, *(f"{style}-offline" for style in styles)]
    for model_id, spec in [*MODELS.items()][:6]:
        assert spec.id == model_id
        assert spec.style == model_id.removesuffix("-offline")
        assert spec.has_search is not model_id.endswith("-offline")
        assert spec.description.endswith("without web search") is not spec.has_search


def test_each_model_is_served_in_a_manner_its_dialect_knows() -> None:
    """The dialects' own tables say the same."""
    manners = {route.manner for spec in MODELS.values() for route in spec.routes if route.back_end == "copilot"}
    assert manners == set(copilot.MODES.values())
    for name, tone in m365.TONES.items():
        assert tone in [route.manner for route in MODELS[name].routes]
    for name, mode in copilot.MODES.items():
        assert [route.manner for route in MODELS[name].routes] == [mode]


def test_routes_by_the_operators_order() -> None:
    """By the style's name, else by the star; a model without a style has one way only."""
    order = {"precise": ("m365",), "*": ("copilot", "bing")}
    assert [route.back_end for route in MODELS["precise-offline"].routes_by(order)] == ["m365"]
    assert [route.back_end for route in MODELS["creative"].routes_by(order)] == ["copilot", "bing"]
    assert [route.back_end for route in MODELS["creative"].routes_by({})] == ["bing", "m365", "copilot"]
    assert [route.back_end for route in MODELS["m365-quick"].routes_by(order)] == ["m365"]


def test_further_tones_are_models() -> None:
    """Found by their names, and only where they are given."""
    assert [*all_models(["Gpt_5_2_Quick"])][-1] == "m365-gpt-5-2-quick"
    assert find_model("m365-gpt-5-2-quick", ["Gpt_5_2_Quick"]).routes[0].manner == "Gpt_5_2_Quick"
    assert MODELS["copilot"].can_think
    assert not MODELS["precise"].can_think


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
