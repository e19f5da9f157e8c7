"""Upload a caller's picture to Bing's blob store; the message then refers to it.

Source: docs/wire/chathub.md, section 8.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt, PromptImage
from chat.protocol.failures import BING_ERRORS
from chat.protocol.requests import SessionRequest

UPLOAD_PATH = "/images/kblob"
# The message refers to a blob by this path and its id.
BLOB_PATH = "/images/blob?bcid="
MAX_IMAGES = 1  # a message (section 8)


@dataclass(frozen=True, slots=True)
class SydneyImage:
    """The two addresses of an uploaded picture that a message needs."""

    image_url: str
    original_image_url: str


def check_images(prompt: Prompt) -> None:
    """Refuse more pictures than a message can have.

    Raises:
        InvalidRequestError: `image_not_supported`.
    """
    if len(prompt.images) > MAX_IMAGES:
        raise InvalidRequestError(
            f"This model accepts {MAX_IMAGES} image per message, not {len(prompt.images)}. Remove the others.",
            code="image_not_supported",
            param="messages",
        )


def build_image_request(image: PromptImage, conversation_id: str, *, tone: str = "Balanced") -> SessionRequest:
    """Return the request that uploads a picture: a form with the task and the bytes in base64.

    A picture that is given by its address has no bytes, and Bing fetches it.
    """
    knowledge = {
        "imageInfo": {"url": image.url} if image.url else {},
        "knowledgeRequest": {
            "invokedSkills": ["ImageById"],
            "subscriptionId": "Bing.Chat.Multimodal",
            "invokedSkillsRequestData": {"enableFaceBlur": True},
            "convoData": {"convoid": conversation_id, "convotone": tone},
        },
    }
    parts = [("knowledgeRequest", "application/json", json.dumps(knowledge).encode())]
    if not image.url:
        # As received: browsers send JPEGs of at most 360,000 pixels, but that is not known to be required.
        parts.append(("imageBase64", "", base64.b64encode(image.content)))
    return _form(UPLOAD_PATH, parts)


def parse_image_response(status: int, headers: Mapping[str, str], text: str, *, bing_url: str) -> SydneyImage:
    """Read the response to an upload.

    Raises:
        InvalidRequestError: `image_rejected`: Bing did not accept the picture.
        ServiceError: The status or page means another failure.
    """
    BING_ERRORS.check_upload(status, headers)
    response = BING_ERRORS.read_object(text, "image upload")
    blob_id, processed_id = response.get("blobId"), response.get("processedBlobId")
    # An empty id is how Bing refuses a picture: row 28 of section 6.
    if not isinstance(blob_id, str) or not blob_id:
        raise BING_ERRORS.image_rejected("no blobId")
    shown_id = processed_id if isinstance(processed_id, str) and processed_id else blob_id
    base = bing_url.rstrip("/") + BLOB_PATH
    return SydneyImage(base + quote(shown_id, safe=""), base + quote(blob_id, safe=""))


def _form(path: str, parts: list[tuple[str, str, bytes]]) -> SessionRequest:
    """Return a multipart form. Its boundary is a hash of the content, so the content cannot contain it."""
    boundary = "form" + hashlib.sha256(b"\0".join(content for _, _, content in parts)).hexdigest()[:32]
    lines: list[bytes] = []
    for name, media_type, content in parts:
        lines += [f"--{boundary}".encode(), f'Content-Disposition: form-data; name="{name}"'.encode()]
        lines += [f"Content-Type: {media_type}".encode()] if media_type else []
        lines += [b"", content]
    body = b"\r\n".join((*lines, f"--{boundary}--".encode(), b""))
    return SessionRequest("POST", path, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body)
