"""Remaining boosts and fast videos on Bing's pages."""

from __future__ import annotations

import pytest

from creator.protocol import build_video_page, parse_boosts, parse_fast_videos
from creator.protocol.catalogue import Paths
from tests.samples.bing import read_sample


def test_the_request_for_the_page_of_videos_has_no_prompt() -> None:
    """With a prompt, the GET would count as a creation."""
    request = build_video_page(paths=Paths(image="/make"))
    assert (request.method, request.path, request.body) == ("GET", "/make?ctype=video&FORM=GENEXP&rt=4", None)
    assert "q=" not in request.path


@pytest.mark.parametrize(
    ("page", "left"),
    [
        (read_sample("home_gallery.html"), 10),
        (read_sample("home_signed_in.html"), 12),
        (read_sample("outage.html"), None),
        (read_sample("no_coins.html"), 0),
        ('<div id="reward_c" data-tb="3"></div>', 12),
        ('<div id="reward_c" data-tb="99"></div>', 0),
        ('<div id="reward_c" data-tb="many"></div>', None),
        ('<div id="reward_c" data-tb></div>', None),
        ('<div id="token_bal" aria-label="1,000 coins available"></div>', None),
        ("<i aria-label></i><i aria-label='Menu'></i>", None),
        ("", None),
        ("\ud800", None),
    ],
)
def test_boosts(page: str, left: int | None) -> None:
    """The number in the words comes before the older count; a page without either shows none."""
    assert parse_boosts(page) == left


@pytest.mark.parametrize(
    ("page", "left"),
    [
        ('<div class="fast-cost-text">Fast (8 free\n remaining)</div>', 8),
        (read_sample("no_fast_videos.html"), 0),
        ('<a class="option-earn-more">Earn more</a>', 0),
        ('<div class="fast-cost-text">Fast</div>', None),
        (read_sample("home_signed_in.html"), None),
    ],
)
def test_fast_videos(page: str, left: int | None) -> None:
    """The number in the words; the offer to earn more means none."""
    assert parse_fast_videos(page) == left


def test_a_page_nested_too_deeply_says_nothing() -> None:
    """It is not parsed."""
    page = "<div>" * 600 + '<i aria-label="5 coins available"></i><i class="option-earn-more"></i>'
    assert (parse_boosts(page), parse_fast_videos(page)) == (None, None)
