"""Pictures drawn from prompts."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bingproject.sandbox.images.drawing import LABEL, draw_picture, picture_size, shrink

SMALL = (256, 192)


@pytest.mark.parametrize(
    ("model", "aspect", "size"),
    [(0, 1, (1024, 1024)), (0, 2, (1792, 1024)), (0, 3, (1024, 1792)), (1, 2, (1536, 1024)), (4, 3, (832, 1248)),
     (12, 2, (1248, 832)), (0, 9, (1024, 1024))],
)  # fmt: skip
def test_sizes_are_those_of_the_model(model: int, aspect: int, size: tuple[int, int]) -> None:
    """Each model has its own pixels for landscape and portrait; the picture has them."""
    assert picture_size(model, aspect) == size


def test_a_picture_is_a_jpeg_that_says_what_it_is() -> None:
    """It opens, has its size, many colours, and the label in its comment too."""
    with Image.open(io.BytesIO(draw_picture("a cat", 0, SMALL))) as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", SMALL, "RGB")
        assert picture.info["comment"] == LABEL.encode()
        colours = picture.getcolors(SMALL[0] * SMALL[1])
    assert colours is not None
    assert len(colours) > 500


def test_a_prompt_gives_the_same_four_pictures_again() -> None:
    """The four differ, and so do those of another prompt, whatever its letters."""
    prompts = ("a cat", "a dog", "قطة 🐈", "x" * 5000, "")
    pictures = [draw_picture(prompt, index, SMALL) for prompt in prompts for index in range(4)]
    assert len(set(pictures)) == 20
    assert draw_picture("a cat", 3, SMALL) == pictures[3]


def test_a_thumbnail_fills_its_box() -> None:
    """Any shape of picture is cut to the box asked for."""
    with Image.open(io.BytesIO(shrink(draw_picture("a cat", 0, SMALL), 90, 120))) as picture:
        assert picture.size == (90, 120)
