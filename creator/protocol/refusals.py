"""Bing's refusals: what a page shows → which error it is.

One table of texts, each with its row of docs/wire/image_creator.md, section 2.5. Pages are read as visible text
(`pages.Page`), so that neither a hidden template nor a prompt repeated by the page can be taken for Bing's word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bingproject.errors import (
    AccountThrottledError,
    PromptRejectedError,
    ServiceError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from creator.protocol.pages import Page, fold


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: folded phrases (an error block contains one, other text begins with one) and the error they mean."""

    row: str
    error: type[ServiceError]
    code: str
    phrases: tuple[str, ...]
    only_headings: bool = False


# In the order of section 2.6: what the prompt is blamed for first, then the account, then Bing.
REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "d",
        PromptRejectedError,
        "blocked",
        ("this prompt has been blocked", "our system automatically flagged this prompt"),
    ),
    # Two plain words: as a heading they are Bing's, in a text they may be anybody's.
    Refusal("f", PromptRejectedError, "unsafe_output", ("content warning",), only_headings=True),
    Refusal("e", PromptRejectedError, "under_review", ("this prompt is being reviewed",)),
    Refusal(
        "h",
        PromptRejectedError,
        "unsupported_language",
        ("we're working hard to offer image creator in more languages",),
    ),
    Refusal("g", PromptRejectedError, "too_vague", ("please provide a more descriptive prompt",)),
    Refusal(
        "i",
        AccountThrottledError,
        "too_many_running",
        ("you can't submit any more prompts", "please wait until your other ongoing creations are complete"),
    ),
    Refusal("k", UpstreamRefusedError, "upstream_refused", ("image creation is coming soon to your region",)),
    Refusal(
        "l",
        UpstreamRefusedError,
        "upstream_refused",
        ("we're sorry - we've run into an issue", "we've run into an issue", "the page is currently unavailable"),
    ),
    # The page itself writes "avaiable".
    Refusal(
        "n",
        UpstreamUnavailableError,
        "upstream_overloaded",
        ("bing isn't avaiable right now", "bing isn't available right now"),
    ),
    Refusal("o", UpstreamUnavailableError, "upstream_overloaded", ("there was a problem creating your images",)),
    Refusal(
        "j",
        UpstreamUnavailableError,
        "upstream_overloaded",
        ("we can't create your images right now", "due to high demand, we're unable to process new requests"),
    ),
)

_BLOCKED = '[data-clarity-tag="BlockedByContentPolicy"], .girer_center.block_icon'
_UNSAFE_PICTURE = "/rp/in-2zU3AJUdkgFe7ZKv19yPBHVs.png"
_OVERLOAD_PICTURE = "/rp/TX9QuO3WzcCJz1uaaSwQAz39Kb0.jpg"
# "10 coins available" is plenty.
_NO_COINS = re.compile(r"(?<![\d.,])0 coins available")


def check_refused(page: Page) -> None:
    """Raise what the page says outright: a policy marker or one of the texts of `REFUSALS`."""
    if page.has(_BLOCKED):
        raise PromptRejectedError(code="blocked", detail="wire rows a, b")
    for refusal in REFUSALS:
        if _is_shown(refusal, page):
            raise refusal.error(code=refusal.code, detail=f"wire row {refusal.row}")


def check_withheld(page: Page) -> None:
    """Raise what only counts when the page shows no result: a picture of refusal, `#girer`, row c.

    A result beside one of them is kept: of four pictures one may be withheld, and what row c means nobody knows.
    """
    pictures = [source.partition("?")[0] for source in page.attributes("img", "src")]
    withheld = [fold(node.text()) for node in page.tree.css("#girer")]
    if any(source.endswith(_OVERLOAD_PICTURE) for source in pictures) or any(
        "high demand" in text for text in withheld
    ):
        raise UpstreamUnavailableError(code="upstream_overloaded", detail="wire row j, as a picture")
    if any(source.endswith(_UNSAFE_PICTURE) for source in pictures) or any(withheld):
        raise PromptRejectedError(code="unsafe_output", detail="the picture was withheld")
    if any(text.startswith("please try again or come back later") for text in page.texts):
        raise PromptRejectedError(code="unsafe_output", detail="refused without a reason")
    if page.has("[dq-err]"):
        raise PromptRejectedError(code="blocked", detail="wire row c")


def check_boosts(page: Page) -> None:
    """Raise when the page says that the fast lane has nothing left to spend (row m; for videos `option-earn-more`)."""
    balances = [fold(label) for label in page.attributes("[aria-label]", "aria-label")]
    if any(_NO_COINS.search(text) for text in [*balances, *page.texts]) or page.has(".option-earn-more"):
        raise AccountThrottledError(code="no_boosts", detail="wire row m")


def _is_shown(refusal: Refusal, page: Page) -> bool:
    if any(phrase in text for phrase in refusal.phrases for text in page.errors):
        return True
    places = page.headings if refusal.only_headings else [*page.headings, *page.texts]
    return any(text.startswith(refusal.phrases) for text in places)
