"""Pictures of the caller's: uploaded as data URLs, then named in the message's annotations.

Source: docs/wire/m365.md, section 6.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from chat.protocol.events import PromptImage
from chat.protocol.m365.session import M365, ORIGIN, TIERS, Credentials
from chat.protocol.requests import HttpRequest

UPLOAD_PATH = "/m365Copilot/UploadFile"
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
# Several fields of one name; clients send one, two or all of these.
_UPLOAD_OPTIONS = ("cwcgptvsan", "flux_v3_gptv_enable_upload_multi_image_in_turn_wo_ch", "gptvnorm2048")


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """What a message names its picture by."""

    doc_id: str
    file_name: str
    file_type: str


def build_image_request(image: PromptImage, credentials: Credentials, conversation_id: str) -> HttpRequest:
    """The upload: a form that is URL-encoded, since one client's multipart form was refused."""
    fields = [
        ("scenario", "UploadImage"),
        ("conversationId", conversation_id),
        ("FileBase64", f"data:{image.media_type};base64,{base64.b64encode(image.content).decode()}"),
        *(("optionsSets", option) for option in _UPLOAD_OPTIONS),
    ]
    headers = {
        "Accept": "application/json",
        "Authorization": f"Bearer {credentials.token}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": ORIGIN,
        "X-Scenario": TIERS[credentials.tier].scenario,
        "X-Variants": "feature.EnableImageSupportInUploadFile",
    }
    return HttpRequest("POST", UPLOAD_PATH, headers, urlencode(fields).encode())


def parse_image_response(status: int, headers: Mapping[str, str], text: str) -> UploadedImage:
    """Read the answer to the upload.

    Raises: InvalidRequestError image_rejected when no picture is kept; else what the status or page means.
    """
    M365.check_upload(status, headers)
    answer = M365.read(text, "image upload")
    result = answer.get("result")
    value = result.get("value") if isinstance(result, dict) else None
    doc_id = answer.get("docId")
    if value not in (None, "Success"):
        raise M365.reject_image(str(value)[:100])
    if not isinstance(doc_id, str) or not doc_id:
        raise M365.reject_image("no docId")
    names = [name if isinstance(name, str) else "" for name in (answer.get("fileName"), answer.get("fileType"))]
    return UploadedImage(doc_id, names[0], names[1].removeprefix("."))
