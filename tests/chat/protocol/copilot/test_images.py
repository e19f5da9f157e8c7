"""Uploads of pictures."""

from __future__ import annotations

import pytest

from bingproject.errors import ServiceError
from chat.protocol.copilot import IMAGE_TYPES, Identity, build_image_request, parse_image_response
from chat.protocol.events import PromptImage


def test_the_body_of_an_upload_is_the_picture() -> None:
    """The header has its type, and the token unless the mode is cookies."""
    image = PromptImage(content=b"\x89PNG", media_type="image/png")
    request = build_image_request(image, Identity("t"))
    assert (request.method, request.path, request.body) == ("POST", "/c/api/attachments", b"\x89PNG")
    assert (request.headers["Content-Type"], request.headers["Authorization"]) == ("image/png", "Bearer t")
    assert "Authorization" not in build_image_request(image, Identity("t"), "cookies").headers
    assert sorted(IMAGE_TYPES) == ["image/jpeg", "image/png"]


def test_the_response_has_the_pictures_address() -> None:
    """The message then refers to it."""
    assert parse_image_response(200, {}, '{"url":"/th/x"}') == "/th/x"


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (200, "{}", "image_rejected"),
        (200, '{"url":""}', "image_rejected"),
        (415, "", "image_rejected"),
        (200, "{", "upstream_protocol_error"),
        (401, "", "cookie_expired"),
        (403, "<html>", "challenge_required"),
        (429, "", "throttled"),
        (500, "", "upstream_unreachable"),
    ],
)
def test_row_28_refused_pictures(status: int, text: str, code: str) -> None:
    """A response without an address refuses the picture; other failures are those of any call."""
    with pytest.raises(ServiceError) as caught:
        parse_image_response(status, {}, text)
    assert caught.value.code == code
