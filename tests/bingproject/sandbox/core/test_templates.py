"""The files under `pages/`."""

from __future__ import annotations

import pytest

from bingproject.sandbox.core.templates import PAGES, escape, fill, read_page


def test_every_page_can_be_read() -> None:
    """Each file is UTF-8 text; the pending body of one line end keeps it."""
    for path in PAGES.rglob("*.*"):
        assert read_page(str(path.relative_to(PAGES))) is not None
    assert read_page("poll/pending-newline.html") == "\n"
    assert read_page("poll/pending-empty.html") == ""


def test_a_name_left_open_is_a_fault() -> None:
    """A page needs all its values."""
    assert 'IG:"F"' in fill("home.html", ig="F", spent=1, extra="")
    with pytest.raises(KeyError):
        fill("home.html", ig="F")


def test_escaping_is_that_of_bing() -> None:
    """Quotes, ampersands and apostrophes become the entities recorded."""
    assert escape('a "fine" cat\'s & dog') == "a &quot;fine&quot; cat&#39;s &amp; dog"
