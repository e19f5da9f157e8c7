"""Uploads of pictures."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from bingproject.errors import ServiceError
from chat.protocol.events import PromptImage
from chat.protocol.m365 import IMAGE_TYPES, M365Image, build_image_request, parse_image_response
from tests.chat.protocol.m365.turns import CREDENTIALS


def test_the_form() -> None:
    """It is URL-encoded, with the picture as a data URL and several fields for the options."""
    request = build_image_request(PromptImage(content=b"\xff\xfe", media_type="image/png"), CREDENTIALS, "c1")
    assert (request.method, request.path) == ("POST", "/m365Copilot/UploadFile")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Authorization"] == "Bearer to+ken/="
    assert request.headers["X-Variants"] == "feature.EnableImageSupportInUploadFile"
    form = parse_qs((request.body or b"").decode(), strict_parsing=True)
    assert (form["scenario"], form["conversationId"]) == (["UploadImage"], ["c1"])
    assert form["FileBase64"] == ["data:image/png;base64,//4="]
    assert len(form["optionsSets"]) == 3
    assert "image/webp" in IMAGE_TYPES


def test_the_response_describes_the_picture() -> None:
    """The file type loses its dot; values that are no texts become ""."""
    answer = '{"docId":"d1","fileName":"a.png","fileType":".png","result":{"value":"Success"}}'
    assert parse_image_response(200, {}, answer) == M365Image("d1", "a.png", "png")
    assert parse_image_response(200, {}, '{"docId":"d1","fileName":7}') == M365Image("d1", "", "")


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (200, "{}", "image_rejected"),
        (200, '{"docId":""}', "image_rejected"),
        (200, '{"docId":"d1","result":{"value":"Failed"}}', "image_rejected"),
        (400, "", "image_rejected"),
        (200, "[]", "upstream_protocol_error"),
        (401, "", "cookie_expired"),
        (403, "", "upstream_refused"),
        (429, "", "throttled"),
        (500, "", "upstream_unreachable"),
    ],
)
def test_row_28_refused_pictures(status: int, text: str, code: str) -> None:
    """A response without an id refuses the picture; other failures are those of any call."""
    with pytest.raises(ServiceError) as caught:
        parse_image_response(status, {}, text)
    assert caught.value.code == code
