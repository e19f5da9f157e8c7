"""Parts of a message: read, turned into marks if old, refused if new."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bingproject.errors import InvalidRequestError
from chat.openai_format.parts import DECODED_AT_ONCE, Content, load_image, read_content
from chat.protocol.events import PromptImage


def read(*parts: Any, takes_images: bool = True, is_past: bool = False) -> Content:
    """Return the content of a message with these parts."""
    return read_content(list(parts), "content", takes_images=takes_images, is_past=is_past)


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_texts_of_both_apis(kind: str) -> None:
    """They are joined by line breaks; reasoning is left out."""
    content = read({"type": kind, "text": " a "}, {"type": "thinking", "thinking": "hm"}, {"type": kind, "text": "b"})
    assert content == Content(" a \nb", "a\nb")


@pytest.mark.parametrize("kind", ["input_audio", "file", "input_file", "video_url", "poem"])
def test_a_part_that_no_back_end_takes(kind: str) -> None:
    """It is a mark if old, an error if new."""
    assert read({"type": kind}, is_past=True).text.startswith("[")
    with pytest.raises(InvalidRequestError) as caught:
        read({"type": kind})
    assert str(caught.value.param).startswith("content[0]")


def test_a_picture_where_none_is_accepted() -> None:
    """An old one becomes its usual mark; a new one is refused."""
    part = {"type": "image_url", "image_url": "https://ex.test/a.png"}
    (image,) = read(part).images
    assert read(part, takes_images=False, is_past=True) == Content(image.mark, image.mark)
    with pytest.raises(InvalidRequestError, match="Parts of type image_url are not supported"):
        read(part, takes_images=False)


def test_a_picture_is_decoded_once() -> None:
    """One without bytes in its address stays unchanged."""
    assert load_image(PromptImage(url="https://ex.test/a.png"), "m").url == "https://ex.test/a.png"
    assert load_image(PromptImage(url="data:image/png;base64,eA=="), "m").content == b"x"


def test_a_large_picture_is_decoded_in_pieces() -> None:
    """The bytes are the same for any size; padding is accepted at the end only."""
    for size in (0, 1, 2, 3):
        content = bytes(range(256)) * 3 * 1024 + b"x" * size
        text = base64.b64encode(content).decode()
        assert load_image(PromptImage(url=f"data:image/png;base64,{text}"), "m").content == content
    for text in ("QQ==QUJD", "QUJ=QUJD", "QQ=" + "=" * DECODED_AT_ONCE, "A" * (DECODED_AT_ONCE + 1)):
        with pytest.raises(InvalidRequestError):
            load_image(PromptImage(url=f"data:image/png;base64,{text}"), "m")
