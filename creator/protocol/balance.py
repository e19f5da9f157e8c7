"""What Bing's own pages say is left: boosts on the start page, fast videos on the video page.

Source: docs/wire/image_creator.md, sections 1 and 4.1.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.requests import HttpRequest

# No prompt in it: with one, Bing takes the mere GET for a creation.
VIDEO_PAGE_QUERY = "?ctype=video&FORM=GENEXP&rt=4"
DAILY_BOOSTS = 15

_COINS = re.compile(r"(?<![\d.,])(\d{1,6}) coins available", re.I)
_SPENT = re.compile(r"\d{1,6}")
_FAST_VIDEOS = re.compile(r"\bFast \((\d{1,6}) free remaining\)", re.I)


def build_video_page(*, paths: Paths = DEFAULT_PATHS) -> HttpRequest:
    """The GET of the page on which videos are asked for."""
    return HttpRequest("GET", paths.image + VIDEO_PAGE_QUERY, {"referer": paths.site + paths.image}, None)


def parse_boosts(page: str) -> int | None:
    """How many boosts are left; None when the page does not say. The words go before the older count of spent ones."""
    tree = LexborHTMLParser(page.encode("utf-8", "replace"))
    for node in tree.css("[aria-label]"):
        if found := _COINS.search(node.attributes.get("aria-label") or ""):
            return int(found[1])
    older = tree.css_first("#reward_c[data-tb]")
    spent = older.attributes.get("data-tb") or "" if older is not None else ""
    return max(0, DAILY_BOOSTS - int(spent)) if _SPENT.fullmatch(spent) else None


def parse_fast_videos(page: str) -> int | None:
    """How many fast videos are left without paying; None when the page does not say."""
    tree = LexborHTMLParser(page.encode("utf-8", "replace"))
    for node in tree.css(".fast-cost-text"):
        if found := _FAST_VIDEOS.search(" ".join(node.text().split())):
            return int(found[1])
    return 0 if tree.css_first(".option-earn-more") is not None else None
