"""Pictures of the caller's, for back ends that keep uploads only and fetch no address."""

from __future__ import annotations

from collections.abc import Collection

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt


def check_pictures(prompt: Prompt, media_types: Collection[str]) -> None:
    """Refuse, before anything is sent, a picture that is only an address or of a kind the back end does not take.

    This server fetches no caller's address. Raises: InvalidRequestError image_not_supported.
    """
    for image in prompt.images:
        if image.url:
            raise _unsupported("This model takes no image by its address. Send it as a data URL in base64.")
        if image.media_type not in media_types:
            kinds = ", ".join(sorted(media_types))
            raise _unsupported(f"This model takes images of these kinds only: {kinds}. Convert the image.")


def _unsupported(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="image_not_supported", param="messages")
