"""Pictures of the caller's: uploaded to Bing's blob store, then named in the message.

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
from chat.protocol.failures import BING
from chat.protocol.requests import HttpRequest

UPLOAD_PATH = "/images/kblob"
BLOB_PATH = "/images/blob?bcid="
MAX_IMAGES = 1


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """The two addresses a message names its picture by."""

    image_url: str
    original_image_url: str


def check_images(prompt: Prompt) -> None:
    """Refuse more pictures than a message holds.

    Raises: InvalidRequestError image_not_supported.
    """
    if len(prompt.images) > MAX_IMAGES:
        raise InvalidRequestError(
            f"This model takes {MAX_IMAGES} image a message, and there are {len(prompt.images)}. Leave the others out.",
            code="image_not_supported",
            param="messages",
        )


def build_image_request(image: PromptImage, conversation_id: str, *, tone: str = "Balanced") -> HttpRequest:
    """The upload: a form with what to do and, unless Bing fetches the picture itself, its bytes in base64."""
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
        parts.append(("imageBase64", "", base64.b64encode(image.content)))
    return _form(UPLOAD_PATH, parts)


def parse_image_response(status: int, headers: Mapping[str, str], text: str, *, bing_url: str) -> UploadedImage:
    """Read the answer to the upload.

    Raises: InvalidRequestError image_rejected when Bing keeps no picture; else what a refused upgrade means.
    """
    BING.check_upload(status, headers)
    answer = BING.read(text, "image upload")
    blob_id, processed_id = answer.get("blobId"), answer.get("processedBlobId")
    if not isinstance(blob_id, str) or not blob_id:
        raise BING.reject_image("no blobId")
    shown_id = processed_id if isinstance(processed_id, str) and processed_id else blob_id
    base = bing_url.rstrip("/") + BLOB_PATH
    return UploadedImage(base + quote(shown_id, safe=""), base + quote(blob_id, safe=""))


def _form(path: str, parts: list[tuple[str, str, bytes]]) -> HttpRequest:
    """A multipart form. The boundary is made from the content, which therefore cannot hold it."""
    boundary = "form" + hashlib.sha256(b"\0".join(content for _, _, content in parts)).hexdigest()[:32]
    lines: list[bytes] = []
    for name, media_type, content in parts:
        lines += [f"--{boundary}".encode(), f'Content-Disposition: form-data; name="{name}"'.encode()]
        lines += [f"Content-Type: {media_type}".encode()] if media_type else []
        lines += [b"", content]
    body = b"\r\n".join((*lines, f"--{boundary}--".encode(), b""))
    return HttpRequest("POST", path, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body)
