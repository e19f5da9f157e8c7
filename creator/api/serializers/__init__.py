"""Bodies and queries ⇄ values, tasks → answers, in the contract's words."""

from creator.serializers.answers import (
    image_urls,
    show_accepted,
    show_condition,
    show_generation,
    show_images,
    show_task,
)
from creator.serializers.bodies import (
    CreateImageSerializer,
    CreateVideoSerializer,
    CreationSerializer,
    ImageGenerationSerializer,
)
from creator.serializers.queries import CURSOR_PATTERN, DEFAULT_LIMIT, MAX_LIMIT, STATES, TaskQuery, build_cursor

__all__ = [
    "CURSOR_PATTERN",
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "STATES",
    "CreateImageSerializer",
    "CreateVideoSerializer",
    "CreationSerializer",
    "ImageGenerationSerializer",
    "TaskQuery",
    "build_cursor",
    "image_urls",
    "show_accepted",
    "show_condition",
    "show_generation",
    "show_images",
    "show_task",
]
