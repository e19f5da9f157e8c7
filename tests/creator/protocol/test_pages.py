"""Responses: status, headers, JSON, and pages without their hidden parts."""

import pytest

from bingproject.errors import (
    AccountThrottledError,
    CookieExpiredError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from creator.protocol.catalogue import DEFAULT_PATHS
from creator.protocol.pages import (
    HomePage,
    Page,
    check_poll_status,
    check_status,
    fold,
    is_blank,
    is_cut,
    is_document,
    parse_redirect,
    read_error_message,
    read_json,
)
from tests.samples.bing import read_sample


def test_statuses_that_mean_the_same_everywhere() -> None:
    """5xx is unreachable, 429 throttled, both with Bing's Retry-After; 403 refuses this client."""
    for status in (500, 502, 503, 599):
        with pytest.raises(UpstreamUnavailableError) as unavailable:
            check_status(status, {"retry-after": "5"})
        assert (unavailable.value.code, unavailable.value.retry_after) == ("upstream_unreachable", 5.0)
    with pytest.raises(AccountThrottledError) as throttled:
        check_status(429, {"Retry-After": "12"})
    assert (throttled.value.code, throttled.value.retry_after) == ("throttled", 12.0)
    with pytest.raises(UpstreamRefusedError):
        check_status(403, {})
    for status in (200, 302, 404):
        check_status(status, {})


@pytest.mark.parametrize(
    "location",
    [
        "/images/create?q=a&id=1-ab",
        "https://www.bing.com/images/create?q=a&id=1-ab",
        "//cn.bing.com/images/create?q=a&id=1-ab",
        "?q=a&id=1-ab",
    ],
)
def test_redirects_to_the_creator_lose_their_host(location: str) -> None:
    """Whatever host Bing names, the next request goes to the configured one."""
    assert parse_redirect(302, {"Location": location}, DEFAULT_PATHS).location == "/images/create?q=a&id=1-ab"


def test_redirect_without_query() -> None:
    """A path without a query stays one."""
    assert parse_redirect(302, {"location": "/images/create/x"}, DEFAULT_PATHS).location == "/images/create/x"


@pytest.mark.parametrize(
    "location",
    [
        "https://login.live.com/oauth20_authorize.srf?client_id=00000000-aaaa&scope=x",
        "/fd/auth/signin?action=interactive",
        "https://evil.example/images/create?id=1-6930d798aebe4d2a9d54027da1fdb513",
        "/images/created?id=1-6930d798aebe4d2a9d54027da1fdb513",
    ],
)
def test_redirects_elsewhere_are_a_sign_in(location: str) -> None:
    """A redirect away from the creator means an expired cookie; its query is not logged."""
    with pytest.raises(CookieExpiredError) as expired:
        parse_redirect(302, {"location": location}, DEFAULT_PATHS)
    assert "client_id" not in expired.value.detail and "1-6930" not in expired.value.detail


@pytest.mark.parametrize("headers", [{}, {"location": " "}, {"location": "https://[bad"}])
def test_redirects_to_nowhere(headers: dict[str, str]) -> None:
    """A redirect without a readable Location is a fault of Bing's, not of the account."""
    with pytest.raises(UnexpectedResponseError):
        parse_redirect(302, headers, DEFAULT_PATHS)


def test_poll_status() -> None:
    """200 is read, a redirect to the creator is the start page, other statuses may pass."""
    assert check_poll_status(200, {}, "", DEFAULT_PATHS) is None
    assert check_poll_status(302, {"location": "/images/create"}, "", DEFAULT_PATHS) == HomePage()
    with pytest.raises(CookieExpiredError):
        check_poll_status(302, {"location": "https://login.live.com/"}, "", DEFAULT_PATHS)
    with pytest.raises(UnexpectedResponseError) as interrupted:
        check_poll_status(404, {}, "gone", DEFAULT_PATHS)
    assert interrupted.value.code == "upstream_interrupted"
    with pytest.raises(UpstreamUnavailableError):
        check_poll_status(503, {}, "", DEFAULT_PATHS)


def test_json_bodies() -> None:
    """Only an object counts as JSON, with or without a byte-order mark."""
    assert read_json('\ufeff{"a":1}') == {"a": 1}
    assert read_json("<div>{}</div>") is None
    assert read_json("[1]") is None


@pytest.mark.parametrize("text", ['{"errorMessage":"Pend', "{}}", '{"a":"\\ud800"}', '{"a":' * 100_000, "{\ud800"])
def test_unreadable_json_is_named(text: str) -> None:
    """Truncated, malformed and very deep JSON is an unexpected response, never another exception."""
    with pytest.raises(UnexpectedResponseError):
        read_json(text)


def test_error_messages() -> None:
    """Both wordings of pending become one; other values are folded text."""
    assert read_error_message({"errorMessage": "Pending"}) == "pending"
    assert read_error_message({"errorMessage": "Still  pending"}) == "pending"
    assert read_error_message({"errorMessage": "It\u2019s FULL"}) == "it's full"
    assert read_error_message({"errorMessage": 5}) == "5"
    assert read_error_message({"errorMessage": None}) == read_error_message({}) == ""


@pytest.mark.parametrize("text", ["We can't", "We can&#39;t", "we  CAN\u2019t", "We\ncan&rsquo;t", "We can\u02bct"])
def test_apostrophes_and_entities_are_folded(text: str) -> None:
    """All recorded spellings of one text compare equal."""
    assert fold(text) == "we can't"


def test_blank_cut_and_whole_bodies() -> None:
    """They are recognised without a tree."""
    assert is_blank("") and is_blank("\n") and not is_blank("\n<")
    assert is_cut("<div>a") and not is_cut("<div>a</div>\n")
    assert is_document("<!DOCTYPE html>") and is_document("<HTML>") and not is_document("<div></div>")


def test_hidden_gil_err_d_heading_is_not_read() -> None:
    """The overload text in the hidden block of nearly every page is no text of the page."""
    page = Page(read_sample("home_signed_in.html"))
    assert not any("we can't create" in text for text in [*page.errors, *page.headings, *page.texts])
    shown = read_sample("home_signed_in.html").replace('class="gil_err_mt">', 'class="gil_err_mt" role="heading">')
    assert Page(shown).errors == ["we can't create your images right now"]


@pytest.mark.parametrize("tag", ["script", "style", "noscript", "title", "textarea", "option", "button", "a"])
def test_a_repeated_prompt_is_not_read(tag: str) -> None:
    """A prompt in a form field, a link or a title is not Bing's text."""
    assert "this prompt has been blocked" not in Page(f"<div><{tag}>This prompt has been blocked</{tag}></div>").texts


@pytest.mark.parametrize("style", ["hidden", 'style="display:none"', 'style="color: red; display: none"'])
def test_invisible_texts_are_not_read(style: str) -> None:
    """A hidden heading does not count."""
    page = Page(f'<div {style}><h1>Content warning</h1><div class="gil_err_mt">x</div></div><p>shown</p>')
    assert page.headings == page.errors == []
    assert "shown" in page.texts


def test_home_pages_are_known_by_their_frame() -> None:
    """Start pages are recognised signed in, anonymous or without a session number; truncated ones are not."""
    signed_in = read_sample("home_signed_in.html")
    assert Page(signed_in).is_home
    assert Page(read_sample("home_anonymous.html")).is_home
    assert Page('<html><form id="sb_form"></form></html>').is_home
    assert Page("<html><script>_G.IG='A'</script><a id=id_a></a></html>").is_home
    assert not Page('<html><a id="id_a" style="display:none"></a><script>1</script></html>').is_home
    assert not Page(signed_in[: signed_in.index("</html")]).is_home
    assert not Page(read_sample("dalle_ready.html")).is_home


def test_pages_accept_any_text() -> None:
    """Lone surrogates, frames and noise are pages without text."""
    assert Page("\ud800").texts
    assert Page("<frameset></frameset>").errors == []


def test_a_page_nested_too_deeply_is_not_parsed() -> None:
    """Parsing it would block everything else in the process."""
    with pytest.raises(UnexpectedResponseError):
        Page("<div>" * 600)
    assert Page("<div>words</div>" * 600).texts[0] == "words"
