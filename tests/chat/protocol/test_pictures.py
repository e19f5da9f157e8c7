"""Pictures for back ends that keep uploads only."""

from __future__ import annotations

import pytest

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt, PromptImage
from chat.protocol.pictures import check_pictures

PNG = PromptImage(content=b"x", media_type="image/png")


def test_bytes_of_a_known_kind_pass() -> None:
    """Any number of them, none included."""
    check_pictures(Prompt("", (), "?"), {"image/png"})
    check_pictures(Prompt("", (), "?", (PNG, PNG)), {"image/png"})


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (PromptImage(url="https://ex.test/a.png"), "data URL"),
        (PromptImage(content=b"x", media_type="image/bmp"), "png"),
    ],
)
def test_others_are_refused(image: PromptImage, words: str) -> None:
    """An address, which this server never fetches, and a kind that is not taken; the message says what to do."""
    with pytest.raises(InvalidRequestError, match=words) as caught:
        check_pictures(Prompt("", (), "?", (PNG, image)), {"image/png"})
    assert (caught.value.code, caught.value.param) == ("image_not_supported", "messages")
