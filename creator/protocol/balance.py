"""Parse the remaining boosts from the start page, and the remaining fast videos from the video page.

Source: docs/wire/image_creator.md, sections 1 and 4.1.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from bingproject.upstream.markup import is_readable
from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.requests import CreatorRequest

# Without a prompt: Bing treats a GET with a full creation query as a creation.
VIDEO_PAGE_QUERY = "?ctype=video&FORM=GENEXP&rt=4"
DAILY_BOOSTS = 15  # an account's boosts a day as seen in 2023 to 2025

_COINS = re.compile(r"(?<![\d.,])(\d{1,6}) coins available", re.I)
_SPENT = re.compile(r"\d{1,6}")
_FAST_VIDEOS = re.compile(r"\bFast \((\d{1,6}) free remaining\)", re.I)


def build_video_page(*, paths: Paths = DEFAULT_PATHS) -> CreatorRequest:
    """Build the GET of the page on which videos are requested."""
    return CreatorRequest("GET", paths.image + VIDEO_PAGE_QUERY, {"referer": paths.site + paths.image}, None)


def parse_boosts(page: str) -> int | None:
    """Return the number of remaining boosts; None if the page does not show it."""
    if not is_readable(page):
        return None
    tree = LexborHTMLParser(page.encode("utf-8", "replace"))
    # Newer pages name the remaining boosts, older ones count the spent ones.
    for node in tree.css("[aria-label]"):
        if found := _COINS.search(node.attributes.get("aria-label") or ""):
            return int(found[1])
    older = tree.css_first("#reward_c[data-tb]")
    spent = older.attributes.get("data-tb") or "" if older is not None else ""
    return max(0, DAILY_BOOSTS - int(spent)) if _SPENT.fullmatch(spent) else None


def parse_fast_videos(page: str) -> int | None:
    """Return the number of remaining free fast videos; None if the page does not show it."""
    if not is_readable(page):
        return None
    tree = LexborHTMLParser(page.encode("utf-8", "replace"))
    for node in tree.css(".fast-cost-text"):
        if found := _FAST_VIDEOS.search(" ".join(node.text().split())):
            return int(found[1])
    return 0 if tree.css_first(".option-earn-more") is not None else None
