"""The one private call into drf-spectacular: a serializer's own description, from within its extension."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

LIBRARY, CHECKED_VERSION = "drf-spectacular", "0.30.0"
RECHECK = (
    "AutoSchema._map_serializer still takes bypass_extensions, without which an extension calls itself for ever",
)


def map_serializer(auto_schema: AutoSchema, serializer: Any, direction: Any) -> dict[str, Any]:
    """Return the serializer's schema as if no extension were registered for it."""
    found: dict[str, Any] = auto_schema._map_serializer(  # type: ignore[no-untyped-call]
        serializer, direction, bypass_extensions=True
    )
    return found
