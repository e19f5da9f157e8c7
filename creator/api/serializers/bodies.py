"""Parse request bodies by route into a GenerationRequest for the services."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from rest_framework import serializers

from creator.api.serializers.fields import (
    MAX_IMAGES,
    AbsentCountField,
    AbsentField,
    AspectField,
    CountField,
    FormatField,
    ModelField,
    OpenAIModelField,
    PromptField,
    SizeField,
    SpeedField,
)
from creator.models import Kind
from creator.protocol import MODELS
from creator.services import GenerationRequest

# What `gpt-image-1` has always answered with; the others answer with addresses.
DEFAULT_FORMATS = {"GPT4O": "b64_json"}


class CreationSerializer(serializers.Serializer[Any]):
    """A body that requests a generation."""

    @property
    @abstractmethod
    def generation_request(self) -> GenerationRequest:
        """The request. Call `is_valid()` first."""


class CreateImageSerializer(CreationSerializer):
    """The body of `POST /create/image`."""

    query = PromptField("query")
    model = ModelField()
    aspect = AspectField()
    speed = SpeedField("auto")

    @property
    def generation_request(self) -> GenerationRequest:
        """The request. Call `is_valid()` first."""
        body = self.validated_data
        return GenerationRequest(Kind.IMAGE, body["query"], body["model"], body["aspect"], body["speed"])


class CreateVideoSerializer(CreationSerializer):
    """The body of `POST /create/video`. Fast videos can cost reward points, so the default is not fast."""

    query = PromptField("query")
    speed = SpeedField("standard")

    @property
    def generation_request(self) -> GenerationRequest:
        """The request. Call `is_valid()` first."""
        return GenerationRequest(Kind.VIDEO, self.validated_data["query"], speed=self.validated_data["speed"])


class ImageGenerationSerializer(CreationSerializer):
    """The body of OpenAI's `images/generations`, in which null means the default."""

    prompt = PromptField("prompt")
    model = OpenAIModelField()
    n = CountField(required=False, allow_null=True)
    size = SizeField(required=False, allow_null=True)
    response_format = FormatField()
    stream = AbsentField()
    partial_images = AbsentCountField()

    @property
    def generation_request(self) -> GenerationRequest:
        """The request; one generation by DALL-E makes four pictures, by other models one."""
        body = self.validated_data
        model = body["model"] or "DALLE"
        count = 1 if MODELS[model].image_count >= MAX_IMAGES else self.image_count
        return GenerationRequest(Kind.IMAGE, body["prompt"], model, body.get("size") or "SQUARE", count=count)

    @property
    def image_count(self) -> int:
        """The most pictures to answer with."""
        return int(self.validated_data.get("n") or 1)

    @property
    def is_inline(self) -> bool:
        """True if the pictures themselves are requested, not their addresses."""
        wanted = self.validated_data.get("response_format") or DEFAULT_FORMATS.get(self.generation_request.model, "url")
        return bool(wanted == "b64_json")
