"""Pictures of the caller's: uploaded as attachments, then named in the message by their address.

Source: docs/wire/copilot.md, section 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from chat.protocol.copilot.refusals import COPILOT, parse_refusal
from chat.protocol.copilot.session import Identity, Manner, build_headers
from chat.protocol.events import PromptImage
from chat.protocol.requests import HttpRequest

ATTACHMENTS_PATH = "/c/api/attachments"
# The two kinds that were seen; whether others pass is not known.
IMAGE_TYPES = frozenset({"image/png", "image/jpeg"})


def build_image_request(image: PromptImage, identity: Identity, manner: Manner = "bearer") -> HttpRequest:
    """The upload: the picture's bytes as they are, their kind in the header."""
    headers = build_headers(identity, manner) | {"Content-Type": image.media_type}
    return HttpRequest("POST", ATTACHMENTS_PATH, headers, image.content)


def parse_image_response(status: int, headers: Mapping[str, str], text: str) -> str:
    """The address a message names the picture by.

    Raises: InvalidRequestError image_rejected when Copilot keeps no picture; else what the status or page means.
    """
    refusal = parse_refusal(status, headers, text, "image upload")
    if refusal is not None:
        raise refusal
    COPILOT.check_upload(status, headers)
    url = COPILOT.read(text, "image upload").get("url")
    if not isinstance(url, str) or not url:
        raise COPILOT.reject_image("no url")
    return url
