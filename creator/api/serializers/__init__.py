"""Parse bodies and queries, and build answers from tasks, in the contract's terms."""

from creator.api.serializers.answers import (
    image_urls,
    show_accepted,
    show_generation,
    show_images,
    show_status,
    show_task,
)
from creator.api.serializers.bodies import (
    CreateImageSerializer,
    CreateVideoSerializer,
    CreationSerializer,
    ImageGenerationSerializer,
)
from creator.api.serializers.queries import CURSOR_PATTERN, DEFAULT_LIMIT, MAX_LIMIT, STATES, TaskQuery, build_cursor

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
    "show_generation",
    "show_images",
    "show_status",
    "show_task",
]
