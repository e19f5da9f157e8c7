"""Raise the error that a page of refusal stands for.

`REFUSALS` is the table of texts, each with its row of docs/wire/image_creator.md, section 2.5. Only the visible text of
a page counts (`pages.Page`), so that neither a hidden template nor a repeated prompt is taken for a refusal.
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
from creator.protocol.balance import DAILY_BOOSTS
from creator.protocol.pages import Page, fold


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """One row of the table.

    Attributes:
        row: Row of docs/wire/image_creator.md, section 2.5.
        phrases: Folded texts; Bing's error block contains one of them, any other text begins with one.
        only_headings: True if the phrases count in error blocks and headings alone.
    """

    row: str
    error: type[ServiceError]
    code: str
    phrases: tuple[str, ...]
    only_headings: bool = False


# The order of section 2.6: first faults of the prompt, then of the account, then of Bing.
REFUSALS: tuple[RefusalRule, ...] = (
    RefusalRule(
        "d",
        PromptRejectedError,
        "blocked",
        ("this prompt has been blocked", "our system automatically flagged this prompt"),
    ),
    # Two plain words: a heading with them is Bing's, any other text may be the prompt.
    RefusalRule("f", PromptRejectedError, "unsafe_output", ("content warning",), only_headings=True),
    RefusalRule("e", PromptRejectedError, "under_review", ("this prompt is being reviewed",)),
    RefusalRule(
        "h",
        PromptRejectedError,
        "unsupported_language",
        ("we're working hard to offer image creator in more languages",),
    ),
    RefusalRule("g", PromptRejectedError, "too_vague", ("please provide a more descriptive prompt",)),
    RefusalRule(
        "i",
        AccountThrottledError,
        "too_many_running",
        ("you can't submit any more prompts", "please wait until your other ongoing creations are complete"),
    ),
    RefusalRule("k", UpstreamRefusedError, "upstream_refused", ("image creation is coming soon to your region",)),
    RefusalRule(
        "l",
        UpstreamRefusedError,
        "upstream_refused",
        ("we're sorry - we've run into an issue", "we've run into an issue", "the page is currently unavailable"),
    ),
    # Bing's page says "avaiable".
    RefusalRule(
        "n",
        UpstreamUnavailableError,
        "upstream_overloaded",
        ("bing isn't avaiable right now", "bing isn't available right now"),
    ),
    RefusalRule("o", UpstreamUnavailableError, "upstream_overloaded", ("there was a problem creating your images",)),
    RefusalRule(
        "j",
        UpstreamUnavailableError,
        "upstream_overloaded",
        ("we can't create your images right now", "due to high demand, we're unable to process new requests"),
    ),
)

_BLOCKED = '[data-clarity-tag="BlockedByContentPolicy"], .girer_center.block_icon'
_UNSAFE_PICTURE = "/rp/in-2zU3AJUdkgFe7ZKv19yPBHVs.png"
_OVERLOAD_PICTURE = "/rp/TX9QuO3WzcCJz1uaaSwQAz39Kb0.jpg"
# Trap: "10 coins available" contains "0 coins available".
_NO_COINS = re.compile(r"(?<![\d.,])0 coins available")
_NUMBER = re.compile(r"[0-9]{1,6}")
_NOTHING_LEFT = (
    "Bing did not accept the request and shows that the account has no boosts left. Try again when it has new ones, or "
    "change the prompt."
)


def check_refused(page: Page) -> None:
    """Raise for a policy marker (rows a, b) or a text of `REFUSALS`.

    Raises:
        ServiceError: The error of the matching row.
    """
    if page.has(_BLOCKED):
        raise PromptRejectedError(code="blocked", detail="wire rows a, b")
    for refusal in REFUSALS:
        if _is_shown(refusal, page):
            raise refusal.error(code=refusal.code, detail=f"wire row {refusal.row}")


def check_withheld(page: Page) -> None:
    """Raise for signs that count only if the page shows no result: a picture of refusal, `#girer`, row c.

    A result beside one of them is kept: one of four pictures may be withheld, and the meaning of row c is unknown.

    Raises:
        UpstreamUnavailableError: Bing is overloaded.
        PromptRejectedError: The result is withheld, or row c.
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


def check_boosts(page: Page, lane: str = "fast") -> None:
    """Raise if the page shows an empty balance (row m; for videos `option-earn-more`).

    The standard lane spends nothing, so there an empty balance need not be the reason. Since it may be, the message
    names it, so that the refusal is not reported as a fault of the prompt alone.

    Raises:
        AccountThrottledError: `no_boosts`.
    """
    balances = [fold(label) for label in page.attributes("[aria-label]", "aria-label")]
    spent = [number for number in page.attributes("#reward_c[data-tb]", "data-tb") if _NUMBER.fullmatch(number)]
    is_empty = any(_NO_COINS.search(text) for text in [*balances, *page.texts]) or page.has(".option-earn-more")
    if is_empty or any(int(number) >= DAILY_BOOSTS for number in spent):
        message = "" if lane == "fast" else _NOTHING_LEFT
        raise AccountThrottledError(message, code="no_boosts", detail="wire row m")


def _is_shown(refusal: RefusalRule, page: Page) -> bool:
    if any(phrase in text for phrase in refusal.phrases for text in page.errors):
        return True
    places = page.headings if refusal.only_headings else [*page.headings, *page.texts]
    return any(text.startswith(refusal.phrases) for text in places)
