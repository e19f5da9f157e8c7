"""The page that proves an account alive."""

import pytest

from accounts.microsoft.protocol import SESSION_PATH, Session, build_search_cookie, parse_session
from bingproject.errors import (
    AccountThrottledError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.samples.bing import DIRECTORY, read_sample

IG = "0123456789ABCDEF0123456789ABCDEF"


def _session(text: str) -> Session:
    return parse_session(200, {}, text)


def test_the_session_path_is_clean() -> None:
    """No query: with one, Bing takes the look for a creation."""
    assert SESSION_PATH == "/images/create"


@pytest.mark.parametrize("sample", ["home_signed_in.html", "home_gallery.html"])
def test_a_signed_in_home_page(sample: str) -> None:
    """The hidden sign-in link proves the account alive; number and salt come from the page's script."""
    assert _session(read_sample(sample)) == Session(ig=IG, salt="c2FsdA==", signed_in=True)


def test_an_anonymous_home_page() -> None:
    """A sign-in link that shows means that the cookie is not taken, whatever else the page has."""
    assert _session(read_sample("home_anonymous.html")) == Session(ig=IG, salt="c2FsdA==", signed_in=False)


@pytest.mark.parametrize(
    ("html", "signed_in"),
    [
        ("<a style='color:red; DISPLAY : none' class=x id=id_a>", True),
        ("<a id=id_a>", False),
        ("<a id=id_a style>", False),
        ('<a href="/fd/auth/signin?action=interactive"></a><div id="reward_c" data-tb="3"></div>', False),
        ('<div id="reward_c" data-tb="3"></div>', True),
    ],
)
def test_signs_of_a_signed_in_page(html: str, signed_in: bool) -> None:
    """Order and spacing of attributes do not matter; older pages are known by their balance."""
    assert _session(html) == Session(ig="", salt="", signed_in=signed_in)


@pytest.mark.parametrize(
    ("html", "ig"),
    [
        (f"<script>_G.IG = '{IG}'</script>", IG),
        (f'<form action="/images/create?IG={IG}&amp;x=1"></form>', IG),
        (f'<div data-c="/images/create/async?IID=a&amp;IG={IG}"></div>', IG),
        ('<a href="/?IG=short"></a>', ""),
        ('<script>var BIG="0123456789ABCDEF"</script>', ""),
    ],
)
def test_the_session_number_in_every_spelling(html: str, ig: str) -> None:
    """The number is found in scripts and addresses, and nothing else is taken for it."""
    assert _session("<a id=id_a></a>" + html).ig == ig


def test_a_salt_that_no_cookie_can_carry_is_left_out() -> None:
    """The salt goes into a cookie, so one with a semicolon is none."""
    assert _session('<a id=id_a></a><script>x={Salt:"a;b"}</script>').salt == ""


@pytest.mark.parametrize(
    "location",
    ["https://login.live.com/login.srf?wa=x", "https://login.microsoftonline.com/common", "/fd/auth/signin?action=x"],
)
def test_a_sign_in_redirect_is_not_signed_in(location: str) -> None:
    """Being sent to a sign-in is an answer, not a fault."""
    assert parse_session(302, {"Location": location}, "") == Session(ig="", salt="", signed_in=False)


@pytest.mark.parametrize("location", ["https://www.bing.com/other", "", "https://[bad"])
def test_other_redirects_say_nothing_about_the_account(location: str) -> None:
    """A redirect nobody knows is no proof of anything."""
    with pytest.raises(UnexpectedResponseError):
        parse_session(302, {"location": location}, "")


@pytest.mark.parametrize(
    ("status", "headers", "error", "code", "retry_after"),
    [
        (500, {}, UpstreamUnavailableError, "upstream_unreachable", None),
        (503, {"Retry-After": "9"}, UpstreamUnavailableError, "upstream_unreachable", 9.0),
        (429, {"retry-after": "60"}, AccountThrottledError, "throttled", 60.0),
        (
            429,
            {"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 -0000"},
            AccountThrottledError,
            "throttled",
            30.0,
        ),
        (429, {"retry-after": "soon"}, AccountThrottledError, "throttled", None),
        (403, {}, UpstreamRefusedError, "upstream_refused", None),
        (404, {}, UnexpectedResponseError, "upstream_protocol_error", None),
    ],
)
def test_statuses(
    status: int, headers: dict[str, str], error: type[ServiceError], code: str, retry_after: float | None
) -> None:
    """Every status but 200 and a redirect is its error, with the time Bing asks for."""
    with pytest.raises(error) as failed:
        parse_session(status, headers, read_sample("home_signed_in.html"))
    assert (failed.value.code, failed.value.retry_after) == (code, retry_after)


@pytest.mark.parametrize(
    ("sample", "error", "code"),
    [
        ("region.html", UpstreamRefusedError, "upstream_refused"),
        ("panda.html", UpstreamRefusedError, "upstream_refused"),
        ("outage.html", UpstreamUnavailableError, "upstream_overloaded"),
        ("overloaded.html", UpstreamUnavailableError, "upstream_overloaded"),
    ],
)
def test_refusal_pages(sample: str, error: type[ServiceError], code: str) -> None:
    """A page that refuses is no start page, although it may carry the signs of one."""
    with pytest.raises(error) as failed:
        _session(read_sample(sample))
    assert failed.value.code == code


def test_the_hidden_overload_block_is_not_read_unless_shown() -> None:
    """The template that nearly every page hides counts only when it is marked as a heading."""
    shown = read_sample("home_signed_in.html").replace('class="gil_err_mt">', 'class="gil_err_mt" role="heading">')
    with pytest.raises(UpstreamUnavailableError):
        _session(shown)


@pytest.mark.parametrize("text", ["", "<html><body>Studio</body></html>", "\ud800", read_sample("dalle_ready.html")])
def test_an_unreadable_page_never_marks_an_account(text: str) -> None:
    """A page that does not say who is signed in is nobody's fault."""
    with pytest.raises(UnexpectedResponseError):
        _session(text)


@pytest.mark.parametrize("sample", sorted(path.name for path in DIRECTORY.glob("home_*.html")))
def test_home_pages_cut_at_every_byte(sample: str) -> None:
    """However short the page is cut, it says what the whole one says or nothing about the account."""
    body = (DIRECTORY / sample).read_bytes()
    whole = _session(body.decode())
    for end in range(len(body)):
        try:
            session = _session(body[:end].decode("utf-8", "replace"))
        except UnexpectedResponseError:
            continue
        assert session == whole


def test_search_cookie_asks_for_english() -> None:
    """The cookie is raw, in English, with the session's own numbers or without."""
    assert build_search_cookie(Session(IG, "c2FsdA==", True), 1_795_348_800) == (
        f"SRCHLANG=en&HV=1795348800&HVE=c2FsdA==&IG={IG}"
    )
    assert build_search_cookie(Session("", "", False), 5) == "SRCHLANG=en&HV=5&HVE=&IG="


def test_a_page_nested_too_deeply_is_not_parsed() -> None:
    """It says nothing of the account, and holds nothing up."""
    with pytest.raises(UnexpectedResponseError):
        parse_session(200, {}, "<div>" * 600)
