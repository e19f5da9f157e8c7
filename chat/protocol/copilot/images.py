"""Upload a caller's pictures as attachments; the message then refers to them by their addresses.

Source: docs/wire/copilot.md, section 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from chat.protocol.copilot.refusals import COPILOT_ERRORS, parse_refusal
from chat.protocol.copilot.session import AuthMode, Identity, build_headers
from chat.protocol.events import PromptImage
from chat.protocol.requests import SessionRequest

ATTACHMENTS_PATH = "/c/api/attachments"
# The two types that were seen in uploads. Whether others are accepted is not known.
IMAGE_TYPES = frozenset({"image/png", "image/jpeg"})


def build_image_request(image: PromptImage, identity: Identity, auth_mode: AuthMode = "bearer") -> SessionRequest:
    """Return the request that uploads a picture: its bytes, with the media type in the header."""
    headers = build_headers(identity, auth_mode) | {"Content-Type": image.media_type}
    return SessionRequest("POST", ATTACHMENTS_PATH, headers, image.content)


def parse_image_response(status: int, headers: Mapping[str, str], text: str) -> str:
    """Return the address for the message.

    Raises:
        InvalidRequestError: `image_rejected`: Copilot did not accept the picture.
        ServiceError: The status or page means another failure.
    """
    refusal = parse_refusal(status, headers, text, "image upload")
    if refusal is not None:
        raise refusal
    COPILOT_ERRORS.check_upload(status, headers)
    url = COPILOT_ERRORS.read_object(text, "image upload").get("url")
    if not isinstance(url, str) or not url:
        raise COPILOT_ERRORS.image_rejected("no url")
    return url
