"""Pictures for back ends that take uploads only."""

from __future__ import annotations

import pytest

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt, PromptImage
from chat.protocol.pictures import check_pictures

PNG = PromptImage(content=b"x", media_type="image/png")


def test_uploads_of_an_accepted_type_pass() -> None:
    """Any number of them, and none."""
    check_pictures(Prompt("", (), "?"), {"image/png"})
    check_pictures(Prompt("", (), "?", (PNG, PNG)), {"image/png"})


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (PromptImage(url="https://ex.test/a.png"), "data URL"),
        (PromptImage(content=b"x", media_type="image/bmp"), "png"),
    ],
)
def test_addresses_and_other_types_are_refused(image: PromptImage, words: str) -> None:
    """This server fetches no address; the message says what to do."""
    with pytest.raises(InvalidRequestError, match=words) as caught:
        check_pictures(Prompt("", (), "?", (PNG, image)), {"image/png"})
    assert (caught.value.code, caught.value.param) == ("image_not_supported", "messages")
