"""The models and their routes."""

from __future__ import annotations

import pytest

from bingproject.errors import NotFoundError
from chat.protocol.catalogue import MODELS, all_models, find_model
from chat.protocol.m365.models import tone_models


def test_the_six_models() -> None:
    """Three styles, each with search and without."""
    styles = ("precise", "balanced", "creative")
    assert [*MODELS][:6] == [*styles, *(f"{style}-offline" for style in styles)]
    for model_id, spec in [*MODELS.items()][:6]:
        assert spec.id == model_id
        assert spec.style == model_id.removesuffix("-offline")
        assert spec.has_search is not model_id.endswith("-offline")
        assert spec.description.endswith("without web search") is not spec.has_search


COPILOT_MODES = {
    "copilot": "chat",
    "copilot-think": "reasoning",
    "copilot-smart": "smart",
    "copilot-study": "study",
    "copilot-search": "search",
}
TONES = {
    "m365": "Magic",
    "m365-quick": "Gpt_Quick",
    "m365-think": "Gpt_Reasoning",
    "precise": "Precise",
    "balanced": "Balanced",
    "creative": "Creative",
}


def test_each_model_is_served_in_a_mode_of_the_site() -> None:
    """The words are those of docs/wire/copilot.md, section 3.7, and docs/wire/m365.md, section 4.3."""
    modes = {route.mode for spec in MODELS.values() for route in spec.routes if route.back_end == "copilot"}
    assert modes == set(COPILOT_MODES.values())
    for name, mode in COPILOT_MODES.items():
        assert [route.mode for route in MODELS[name].routes] == [mode]
    for name, tone in TONES.items():
        assert tone in [route.mode for route in MODELS[name].routes if route.back_end == "m365"]


def test_routes_follow_the_operators_order() -> None:
    """The style's name is looked up before the star; a model without a style has one route only."""
    order = {"precise": ("m365",), "*": ("copilot", "bing")}
    assert [route.back_end for route in MODELS["precise-offline"].routes_by(order)] == ["m365"]
    assert [route.back_end for route in MODELS["creative"].routes_by(order)] == ["copilot", "bing"]
    assert [route.back_end for route in MODELS["creative"].routes_by({})] == ["bing", "m365", "copilot"]
    assert [route.back_end for route in MODELS["m365-quick"].routes_by(order)] == ["m365"]


def test_additional_tones_become_models() -> None:
    """They are found by name, and only if they are given."""
    assert [*all_models(tone_models(["Gpt_5_2_Quick"]))][-1] == "m365-gpt-5-2-quick"
    assert find_model("m365-gpt-5-2-quick", tone_models(["Gpt_5_2_Quick"])).routes[0].mode == "Gpt_5_2_Quick"
    assert MODELS["copilot"].can_think
    assert not MODELS["precise"].can_think


@pytest.mark.parametrize("model_id", ["precise-offline", "Precise-Offline", "PRECISE-OFFLINE"])
def test_models_are_found_in_any_letter_case(model_id: str) -> None:
    """The original server finds them so too."""
    assert find_model(model_id) is MODELS["precise-offline"]


@pytest.mark.parametrize("model_id", ["gpt-4", "", "precise ", "offline"])
def test_an_unknown_model_is_not_found(model_id: str) -> None:
    """There is no silent default."""
    with pytest.raises(NotFoundError) as caught:
        find_model(model_id)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
