"""Pasted cookies in every form, the page that proves an account alive, and the form of our keys."""

import string

import pytest

from accounts.protocol import (
    KEY_PREFIX,
    SESSION_PATH,
    Session,
    build_api_key,
    build_search_cookie,
    format_cookies,
    hash_api_key,
    is_api_key,
    mask_proxy,
    parse_cookies,
    parse_session,
)
from bingproject.errors import (
    AccountThrottledError,
    InvalidRequestError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.samples.bing import DIRECTORY, read_sample

IG = "0123456789ABCDEF0123456789ABCDEF"
COOKIES = {"_U": "1synthetic-U", "MUID": "ABC"}


# --- cookies


@pytest.mark.parametrize(
    "text",
    [
        "MUID=ABC; _U=1synthetic-U",
        "Cookie: MUID=ABC; _U=1synthetic-U",
        "  cookie:MUID=ABC;_U=1synthetic-U;  ",
        "GET / HTTP/1.1\nHost: www.bing.com\nCookie: MUID=ABC; _U=1synthetic-U\nAccept: a=b",
        '{"MUID": "ABC", "_U": "1synthetic-U", "n": 5}',
        '{"cookies": [{"name": "_U", "value": "1synthetic-U"}, {"name": "MUID", "value": "ABC", "domain": ""}]}',
        read_sample("cookie_editor.json"),
        "\ufeff" + read_sample("cookie_editor.json"),
        read_sample("cookies.txt"),
        read_sample("cookies.txt").replace("\t", "  "),
        read_sample("curl_header.txt"),
        read_sample("curl_windows.txt"),
        read_sample("curl_windows.txt").replace("\n", "\r\n"),
    ],
)
def test_every_form_of_paste_gives_the_same_cookies(text: str) -> None:
    """Header lines, cURL, JSON exports and cookies.txt are read alike; foreign and unsendable cookies are left out."""
    assert parse_cookies(text) == COOKIES


def test_curl_of_a_unix_shell_is_unescaped() -> None:
    """What the shell would decode is decoded."""
    assert parse_cookies(read_sample("curl_unix.txt")) == {"_U": "1synthetic-U!", "MUID": "ABC"}


@pytest.mark.parametrize("value", ["1synthetic-U", "1abcdefghijklmnop==", "a.b-c_d%2F+/", "x" * 3000])
def test_a_bare_value_is_the_cookie_u(value: str) -> None:
    """A single word is the value of _U, also with base64's padding and at any length."""
    assert parse_cookies(f" {value}\n") == {"_U": value}


def test_bing_s_own_cookie_goes_first() -> None:
    """Of two cookies of one name bing.com's is kept, whatever the order of the export."""
    export = (
        '[{"domain": "login.microsoft.com", "name": "_U", "value": "other"},'
        '{"domain": ".bing.com", "name": "_U", "value": "mine"},'
        '{"domain": "account.microsoft.com", "name": "kept", "value": "yes"}]'
    )
    assert parse_cookies(export) == {"_U": "mine", "kept": "yes"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "MUID=ABC",
        "_U=",
        "MUID=",
        "Cookie: _U=two words",
        "_U=caf\u00e9",
        "two words",
        "[",
        "[5]",
        '{"cookies": [{"name": "_U"}]}',
        '{"_U": 5}',
        '[{"domain": ".notbing.com", "name": "_U", "value": "secret"}]',
        '[{"domain": ".bing.com.example", "name": "_U", "value": "secret"}]',
        '[{"domain": 5, "name": "_U", "value": "secret"}]',
        '[{"domain": ".bing.com", "name": "_U", "value": "secret\\r\\nX-Evil: 1"}]',
        ".example.com\tTRUE\t/\tTRUE\t0\t_U\tsecret",
        "curl 'https://www.example.com/' -b '_U=secret'",
        "curl 'https://bing.com.example/' -H 'cookie: _U=secret'",
        "curl 'https://www.bing.com/' -b '_U=secret",
        "curl 'https://www.bing.com/' -H 'accept: _U=secret'",
        "[" * 100_000,
    ],
)
def test_a_paste_without_a_usable_cookie_is_refused_without_echo(text: str) -> None:
    """The error says what to paste and repeats nothing of what was pasted."""
    with pytest.raises(InvalidRequestError) as refused:
        parse_cookies(text)
    assert "_U" in refused.value.message and "cURL" in refused.value.message
    assert "secret" not in refused.value.message + refused.value.detail


def test_cookies_round_trip() -> None:
    """The header line reads back as the cookies it was made of, in their order."""
    cookies = {"MUID": "ABC", "_U": "1=2==", "quoted": '"a,b"'}
    assert format_cookies(cookies) == 'MUID=ABC; _U=1=2==; quoted="a,b"'
    assert list(parse_cookies(format_cookies(cookies)).items()) == list(cookies.items())


# --- session


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


# --- keys


def test_api_keys_have_one_form() -> None:
    """Thirty-two bytes make a prefix and 43 characters that survive URLs and headers."""
    key = build_api_key(bytes(range(224, 256)))
    assert key.startswith(KEY_PREFIX) and len(key) == len(KEY_PREFIX) + 43
    assert set(key) <= set(string.ascii_letters + string.digits + "-_")
    assert build_api_key(bytes(32)) != key


def test_api_keys_are_known_by_their_prefix() -> None:
    """Only a credential that claims to be ours is looked up."""
    assert is_api_key("bp_x") and not is_api_key("sk-x") and not is_api_key("")


def test_api_keys_are_stored_as_a_hash() -> None:
    """The hash is SHA-256 in hex; text that is no UTF-8 has one too."""
    assert hash_api_key("bp_x") == "57b3ceec83d18fa9f5958df8eb4b2ae878ecf531656143571f908104d4da1b1b"
    assert len(hash_api_key("\ud800")) == 64
    assert hash_api_key("bp_x") != hash_api_key("bp_y")


# --- proxies


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://anna:secret@proxy:3128", "http://anna:•••@proxy:3128"),
        ("http://anna:se:c@r/e?t://@proxy:3128", "http://anna:•••@proxy:3128"),
        ("http://:secret@[::1]:3128/", "http://:•••@[::1]:3128/"),
        ("anna:secret@proxy", "anna:•••@proxy"),
        ("http://anna@proxy:3128", "http://anna@proxy:3128"),
        ("https://proxy:3128", "https://proxy:3128"),
        ("", ""),
    ],
)
def test_a_proxys_password_is_masked(address: str, shown: str) -> None:
    """Whatever stands between the name and the last @; the rest stays, and a masked address stays as it is."""
    assert mask_proxy(address) == shown == mask_proxy(shown)
