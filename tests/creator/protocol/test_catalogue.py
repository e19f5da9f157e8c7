"""The catalogue: the contract's models and aspects, with exact ratios."""

from fractions import Fraction

import pytest

from creator.protocol.catalogue import ASPECTS, IMAGE_LANES, MODELS, VIDEO_LANES, VIDEO_SHAPES


def test_names_numbers_and_texts_are_those_of_the_contract() -> None:
    """Clients of the original find its models under the same names, numbers and descriptions."""
    assert [(model.name, model.value, model.description) for model in MODELS.values()] == [
        ("DALLE", 0, "DALL-E \N{EM DASH} fast, general purpose"),
        ("GPT4O", 1, "GPT-4o \N{EM DASH} higher quality, slower"),
        ("MAI1", 4, "MAI Image 1 \N{EM DASH} Microsoft model"),
    ]
    assert [(aspect.name, aspect.value, aspect.ratio) for aspect in ASPECTS.values()] == [
        ("SQUARE", 1, "1:1"),
        ("LANDSCAPE", 2, "7:4"),
        ("PORTRAIT", 3, "4:7"),
    ]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("aspect", ASPECTS)
def test_pixels_are_true_to_the_ratio(model: str, aspect: str) -> None:
    """Width over height is exactly the model's ratio."""
    width, height = MODELS[model].pixels[aspect]
    across, down = MODELS[model].ratios[aspect].split(":")
    assert Fraction(width, height) == Fraction(int(across), int(down))


@pytest.mark.parametrize("lane", ["fast", "standard"])
def test_every_lane_knows_every_aspect(lane: str) -> None:
    """Every order that the contract allows has a lane and a shape."""
    assert IMAGE_LANES[lane] and VIDEO_LANES[lane]
    assert VIDEO_SHAPES[lane].keys() == ASPECTS.keys()
