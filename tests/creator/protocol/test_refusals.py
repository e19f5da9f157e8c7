"""Every row of refusals is recognised in every recorded spelling, and nothing else is."""

import pytest

from bingproject.errors import AccountThrottledError, PromptRejectedError, ServiceError, UpstreamUnavailableError
from creator.protocol.pages import Page
from creator.protocol.refusals import REFUSALS, check_boosts, check_refused, check_withheld

TEXTS = [(refusal, phrase) for refusal in REFUSALS for phrase in refusal.phrases]


def _spellings(phrase: str) -> list[str]:
    dashed = phrase.replace(" - ", " \u2014 ")
    return [dashed.upper(), dashed.replace("'", "&#39;"), dashed.replace("'", "\u2019"), dashed.replace(" ", "\n ")]


@pytest.mark.parametrize("index", range(len(TEXTS)))
def test_every_phrase_in_every_spelling_is_its_row(index: int) -> None:
    """Entities, curly apostrophes, capitals and line breaks make no difference."""
    refusal, phrase = TEXTS[index]
    for text in _spellings(phrase):
        with pytest.raises(refusal.error) as refused:
            check_refused(Page(f'<div class="gil_err_mt" role="heading">{text} and more</div>'))
        assert (refused.value.code, refused.value.detail) == (refusal.code, f"wire row {refusal.row}")


def test_plain_text_has_to_begin_with_the_phrase() -> None:
    """Outside Bing's error block a phrase counts only at the beginning of a text, since pages repeat prompts."""
    with pytest.raises(UpstreamUnavailableError):
        check_refused(Page("<div>Bing isn't avaiable right now, but everything should be back</div>"))
    check_refused(Page("<h2>A poster that says: this prompt has been blocked</h2>"))
    check_refused(Page("<p>A poster that says: this prompt has been blocked</p>"))


def test_content_warning_is_a_heading() -> None:
    """The two plain words count as a heading, not in a text."""
    check_refused(Page("<p>Content warning label on a wall</p>"))
    with pytest.raises(PromptRejectedError) as refused:
        check_refused(Page("<h2>Content warning</h2>"))
    assert refused.value.code == "unsafe_output"


def test_policy_comes_before_overload() -> None:
    """A page with both refuses the prompt: trying again would not help."""
    with pytest.raises(PromptRejectedError):
        check_refused(Page("<h1>We can't create your images right now</h1><h1>This prompt has been blocked</h1>"))


def test_block_icon_of_a_review_is_no_block() -> None:
    """The icon of a held prompt has one of the two classes of a block; both are needed."""
    check_refused(Page('<img class="gil_err_img block_icon rms_img"/>'))
    with pytest.raises(PromptRejectedError):
        check_refused(Page('<div class="x block_icon girer_center"></div>'))


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<div id="girer">Unsafe image content detected</div>', "unsafe_output"),
        ('<div id="girer">Something new</div>', "unsafe_output"),
        ('<div id="girer">Due to high demand, please wait</div>', "upstream_overloaded"),
        ('<img src="https://r.bing.com/rp/in-2zU3AJUdkgFe7ZKv19yPBHVs.png?x=1"/>', "unsafe_output"),
        ('<img src="/rp/TX9QuO3WzcCJz1uaaSwQAz39Kb0.jpg"/>', "upstream_overloaded"),
        ("<p>Please try again or come back later</p>", "unsafe_output"),
        ('<div dq-err=""></div>', "blocked"),
    ],
)
def test_withheld_results(html: str, code: str) -> None:
    """Pictures of refusal, #girer and row c raise the contract's errors."""
    with pytest.raises(ServiceError) as withheld:
        check_withheld(Page(html))
    assert withheld.value.code == code


def test_an_empty_girer_says_nothing() -> None:
    """An empty element is no refusal."""
    check_withheld(Page('<div id="girer"></div><img src="/th/id/OIG1.a"/><img/>'))


@pytest.mark.parametrize(
    "html",
    [
        '<div aria-label="0 coins available"></div>',
        "<p>You have 0 coins available</p>",
        '<a class="option-earn-more"></a>',
        '<div id="reward_c" data-tb="15"></div>',
    ],
)
def test_no_boosts(html: str) -> None:
    """An empty balance, in a label or a text, and the offer to earn more fast videos mean no boosts."""
    with pytest.raises(AccountThrottledError) as throttled:
        check_boosts(Page(html))
    assert throttled.value.code == "no_boosts"


@pytest.mark.parametrize("balance", ["10", "100", "1,0", "2.0", "1"])
def test_10_coins_available_is_not_0(balance: str) -> None:
    """A balance that ends in 0 is not empty; nor are partly spent boosts, or a count that is no number."""
    check_boosts(Page('<div id="reward_c" data-tb="14"></div><div id="reward_c" data-tb="x"></div>'))
    check_boosts(Page(f'<div aria-label="{balance}0 coins available">{balance}0 coins available</div>'))
    check_boosts(Page(f'<div aria-label="{balance} coins available"></div>'))
