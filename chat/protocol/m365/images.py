"""Upload a caller's pictures as data URLs; the message's annotations then refer to them.

Source: docs/wire/m365.md, section 6.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from chat.protocol.events import PromptImage
from chat.protocol.m365.session import M365_ERRORS, ORIGIN, TIERS, M365Credentials
from chat.protocol.requests import SessionRequest

# On the socket's host (section 6).
UPLOAD_PATH = "/m365Copilot/UploadFile"
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
# Sent as several fields of one name. Clients send one, two or all of these.
_UPLOAD_OPTIONS = ("cwcgptvsan", "flux_v3_gptv_enable_upload_multi_image_in_turn_wo_ch", "gptvnorm2048")


@dataclass(frozen=True, slots=True)
class M365Image:
    """What a message's annotation needs of an uploaded picture. `file_type` has no dot."""

    doc_id: str
    file_name: str
    file_type: str


def build_image_request(image: PromptImage, credentials: M365Credentials, conversation_id: str) -> SessionRequest:
    """Return the request that uploads a picture.

    The form is URL-encoded, since one client's multipart form was refused.
    """
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
    return SessionRequest("POST", UPLOAD_PATH, headers, urlencode(fields).encode())


def parse_image_response(status: int, headers: Mapping[str, str], text: str) -> M365Image:
    """Read the response to an upload.

    Raises:
        InvalidRequestError: `image_rejected`: the service did not accept the picture.
        ServiceError: The status or page means another failure.
    """
    M365_ERRORS.check_upload(status, headers)
    response = M365_ERRORS.read_object(text, "image upload")
    result = response.get("result")
    value = result.get("value") if isinstance(result, dict) else None
    doc_id = response.get("docId")
    # Row 28 of section 7: the result says if the content is refused.
    if value not in (None, "Success"):
        raise M365_ERRORS.image_rejected(str(value)[:100])
    if not isinstance(doc_id, str) or not doc_id:
        raise M365_ERRORS.image_rejected("no docId")
    names = [name if isinstance(name, str) else "" for name in (response.get("fileName"), response.get("fileType"))]
    return M365Image(doc_id, names[0], names[1].removeprefix("."))
