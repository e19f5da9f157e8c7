"""Uploads of pictures: the form, the response, the refusals."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes
from email.message import Message

import pytest

from bingproject.errors import ServiceError
from chat.protocol.events import Prompt, PromptImage
from chat.protocol.requests import SessionRequest
from chat.protocol.sydney import SydneyImage, build_image_request, check_images, parse_image_response

PNG = b"\x89PNG\r\n\x1a\n\x00--"


def parts(request: SessionRequest) -> dict[str, Message]:
    """Return the parts of a form by name, read by the standard library's parser."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    form = message_from_bytes(head + (request.body or b""))
    return {str(part.get_param("name", header="content-disposition")): part for part in form.walk() if part is not form}


def test_the_form_of_a_picture_with_bytes() -> None:
    """One part is the task as JSON, another one the bytes in base64."""
    request = build_image_request(PromptImage(content=PNG, media_type="image/png"), "51D|AB", tone="Precise")
    assert (request.method, request.path) == ("POST", "/images/kblob")
    read = parts(request)
    assert sorted(read) == ["imageBase64", "knowledgeRequest"]
    knowledge = json.loads(str(read["knowledgeRequest"].get_payload()))
    assert read["knowledgeRequest"].get_content_type() == "application/json"
    assert knowledge["imageInfo"] == {}
    assert knowledge["knowledgeRequest"]["convoData"] == {"convoid": "51D|AB", "convotone": "Precise"}
    assert base64.b64decode(str(read["imageBase64"].get_payload())) == PNG


def test_the_form_of_a_picture_with_an_address() -> None:
    """Bing fetches it itself; this server never does."""
    read = parts(build_image_request(PromptImage(url="https://ex.test/a.png"), ""))
    assert list(read) == ["knowledgeRequest"]
    knowledge = json.loads(str(read["knowledgeRequest"].get_payload()))
    assert knowledge["imageInfo"] == {"url": "https://ex.test/a.png"}


def test_the_response_has_the_pictures_ids() -> None:
    """The processed picture is shown, the blob is the original; without the first the blob is both."""
    answer = json.dumps({"blobId": "o+1", "processedBlobId": "p1"})
    base = "https://www.bing.com/images/blob?bcid="
    read = parse_image_response(200, {}, answer, bing_url="https://www.bing.com/")
    assert read == SydneyImage(base + "p1", base + "o%2B1")
    alone = parse_image_response(200, {}, '{"blobId":"o1","processedBlobId":""}', bing_url="https://www.bing.com")
    assert alone == SydneyImage(base + "o1", base + "o1")


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (200, '{"blobId":"","processedBlobId":""}', "image_rejected"),
        (200, "{}", "image_rejected"),
        (400, "", "image_rejected"),
        (413, "", "image_rejected"),
        (404, "", "upstream_protocol_error"),
        (200, "[]", "upstream_protocol_error"),
        (200, "<p>Bing</p>", "upstream_refused"),
        (200, '{"blobId":', "upstream_protocol_error"),
        (401, "", "cookie_expired"),
        (403, "", "upstream_refused"),
        (302, "", "upstream_refused"),
        (429, "", "throttled"),
        (500, "", "upstream_unreachable"),
    ],
)
def test_row_28_refused_pictures(status: int, text: str, code: str) -> None:
    """A response without a blob refuses the picture; other failures are those of any call."""
    with pytest.raises(ServiceError) as caught:
        parse_image_response(status, {}, text, bing_url="https://www.bing.com")
    assert caught.value.code == code


def test_a_message_takes_one_picture() -> None:
    """A second one is refused before anything is sent."""
    one = PromptImage(url="https://ex.test/a.png")
    check_images(Prompt("", (), "?", (one,)))
    with pytest.raises(ServiceError) as caught:
        check_images(Prompt("", (), "?", (one, one)))
    assert caught.value.code == "image_not_supported"
