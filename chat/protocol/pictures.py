"""Check a caller's pictures for back ends that take uploads only and fetch no address."""

from __future__ import annotations

from collections.abc import Collection

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt


def check_pictures(prompt: Prompt, media_types: Collection[str]) -> None:
    """Refuse a picture that is given by its address, or whose media type the back end does not take.

    Raises:
        InvalidRequestError: `image_not_supported`.
    """
    for image in prompt.images:
        # Fetching it here would let a caller send this server to any address: docs/decisions.md, 30.
        if image.url:
            raise _unsupported("This model does not accept image addresses. Send the image as a base64 data URL.")
        if image.media_type not in media_types:
            types = ", ".join(sorted(media_types))
            raise _unsupported(f"This model accepts images of these types only: {types}. Convert the image.")


def _unsupported(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="image_not_supported", param="messages")
