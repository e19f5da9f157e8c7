"""Request bodies, by route: what is asked for, as a wish the services understand."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from rest_framework import serializers

from creator.models import Kind
from creator.protocol import MODELS
from creator.serializers.fields import (
    MAX_IMAGES,
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
from creator.services import Wish

# What `gpt-image-1` has always answered with; the others answer with addresses.
DEFAULT_FORMATS = {"GPT4O": "b64_json"}


class CreationSerializer(serializers.Serializer[Any]):
    """A body that asks for something to be made."""

    @property
    @abstractmethod
    def wish(self) -> Wish:
        """What is asked for; `is_valid()` comes first."""


class CreateImageSerializer(CreationSerializer):
    """The body of `POST /create/image`."""

    query = PromptField("query")
    model = ModelField()
    aspect = AspectField()
    speed = SpeedField("auto")

    @property
    def wish(self) -> Wish:
        """What is asked for; `is_valid()` comes first."""
        body = self.validated_data
        return Wish(Kind.IMAGE, body["query"], body["model"], body["aspect"], body["speed"])


class CreateVideoSerializer(CreationSerializer):
    """The body of `POST /create/video`: fast videos can cost the account reward points, so none by default."""

    query = PromptField("query")
    speed = SpeedField("standard")

    @property
    def wish(self) -> Wish:
        """What is asked for; `is_valid()` comes first."""
        return Wish(Kind.VIDEO, self.validated_data["query"], speed=self.validated_data["speed"])


class ImageGenerationSerializer(CreationSerializer):
    """The body of OpenAI's `images/generations`; there null means the default."""

    prompt = PromptField("prompt")
    model = OpenAIModelField()
    n = CountField(required=False, allow_null=True)
    size = SizeField(required=False, allow_null=True)
    response_format = FormatField()
    stream = AbsentField(required=False, allow_null=True)
    partial_images = AbsentField(required=False, allow_null=True)

    @property
    def wish(self) -> Wish:
        """What is asked for: one DALL-E generation makes four pictures, the other models one each."""
        body = self.validated_data
        model = body["model"] or "DALLE"
        count = 1 if MODELS[model].image_count >= MAX_IMAGES else self.image_count
        return Wish(Kind.IMAGE, body["prompt"], model, body.get("size") or "SQUARE", count=count)

    @property
    def image_count(self) -> int:
        """At most so many pictures are answered."""
        return int(self.validated_data.get("n") or 1)

    @property
    def is_inline(self) -> bool:
        """Whether the pictures themselves are asked for."""
        wanted = self.validated_data.get("response_format") or DEFAULT_FORMATS.get(self.wish.model, "url")
        return bool(wanted == "b64_json")
