"""Pages that no parser should be given: by their size and depth, found in one pass."""

from __future__ import annotations

import pytest

from bingproject.upstream.markup import DEEPEST, MOST_CHARACTERS, is_readable
from tests.samples.bing import DIRECTORY, read_sample


@pytest.mark.parametrize("sample", sorted(path.name for path in DIRECTORY.glob("*.html")))
def test_every_page_of_bings_is_readable(sample: str) -> None:
    """None comes near the bounds."""
    assert is_readable(read_sample(sample))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<div>" * DEEPEST, True),
        ("<div>" * (DEEPEST + 1), False),
        ("<DIV class='a'><span>" * DEEPEST, False),
        ("<div></div>" * 5000, True),
        ("<p>one<li>two<br><img src='x'>" * 5000, True),
        ("</div>" * 5000 + "<div>" * DEEPEST, True),
        ("1 < 2 <3 " * 5000, True),
        ("x" * MOST_CHARACTERS, True),
        ("x" * (MOST_CHARACTERS + 1), False),
    ],
)
def test_bounds(text: str, expected: bool) -> None:
    """What nests counts, what follows one after the other does not, however long the page is."""
    assert is_readable(text) is expected
