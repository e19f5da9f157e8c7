"""Bodies by route: which wish they are, and what stands in for what they leave out."""

from __future__ import annotations

from typing import Any

import pytest

from bingproject.errors import InvalidRequestError
from creator.api.serializers import CreateImageSerializer, CreateVideoSerializer, ImageGenerationSerializer
from creator.api.serializers.bodies import CreationSerializer
from creator.services import GenerationRequest


def asked(serializer: type[CreationSerializer], **body: Any) -> GenerationRequest:
    """The wish of a body that is good."""
    checked = serializer(data=body)
    assert checked.is_valid(), checked.errors
    return checked.generation_request


def test_an_image_without_more_words_is_a_square_of_dalle() -> None:
    """Speed `auto` may spend a boost."""
    assert asked(CreateImageSerializer, query=" a fox ") == GenerationRequest(
        "image", "a fox", "DALLE", "SQUARE", "auto"
    )


def test_an_image_with_everything() -> None:
    """Names, numbers and digits; unknown fields are ignored."""
    expected = GenerationRequest("image", "a fox", "MAI1", "PORTRAIT", "standard")
    assert asked(CreateImageSerializer, query="a fox", model="4", aspect=3, speed="Standard", seed=5) == expected


def test_a_video_spends_nothing_unless_asked() -> None:
    """Fast videos can cost the account reward points; model and aspect are no fields of videos, whatever they hold."""
    assert asked(CreateVideoSerializer, query="a wave", model=99) == GenerationRequest(
        "video", "a wave", speed="standard"
    )
    assert asked(CreateVideoSerializer, query="a wave", speed="fast").speed == "fast"


@pytest.mark.parametrize(("model", "count"), [("dall-e-3", 1), ("gpt-image-1", 3), ("mai-image-1", 3)])
def test_several_pictures_are_one_dalle_generation_or_several_of_the_others(model: str, count: int) -> None:
    """DALL-E makes four at a time, the others one."""
    assert asked(ImageGenerationSerializer, prompt="x", model=model, n=3).count == count


def test_null_means_the_default_for_openai() -> None:
    """SDKs send null for what their caller left out."""
    body = dict.fromkeys(("model", "n", "size", "response_format", "stream", "partial_images", "quality", "user"))
    checked = ImageGenerationSerializer(data={"prompt": "x", **body})
    assert checked.is_valid(), checked.errors
    assert checked.generation_request == GenerationRequest("image", "x", "DALLE", "SQUARE", "auto")
    assert (checked.image_count, checked.is_inline) == (1, False)


def test_no_partial_images_are_asked_for_with_zero() -> None:
    """Reported 2026-11-30: 0, false and null ask for none; the number 0 is no value of `stream`."""
    for value in (0, False, None):
        assert asked(ImageGenerationSerializer, prompt="x", partial_images=value).count == 1
    for body in ({"partial_images": 1}, {"partial_images": "0"}, {"stream": 0}):
        with pytest.raises(InvalidRequestError) as refused:
            ImageGenerationSerializer(data={"prompt": "x", **body}).is_valid()
        assert refused.value.code == "unsupported_parameter"


@pytest.mark.parametrize(
    ("body", "is_inline"),
    [
        ({}, False),
        ({"model": "dall-e-3"}, False),
        ({"model": "gpt-image-1"}, True),
        ({"model": "mai-image-1"}, False),
        ({"model": "gpt-image-1", "response_format": "url"}, False),
        ({"response_format": "b64_json"}, True),
    ],
)
def test_the_format_follows_the_model_unless_named(body: dict[str, Any], is_inline: bool) -> None:
    """`gpt-image-1` has always answered with the picture itself."""
    checked = ImageGenerationSerializer(data={"prompt": "x", **body})
    assert checked.is_valid(), checked.errors
    assert checked.is_inline is is_inline
