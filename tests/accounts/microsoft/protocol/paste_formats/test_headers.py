"""Headers as text, a Cookie header alone, one bare value, and addresses beside another paste."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import PASTE_A_COOKIE, explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats import UNKNOWN, headers, read_paste
from accounts.microsoft.protocol.paste_formats.values import LONGEST_TEXT_BYTES

U = "abcdefghijklmnop"
SOCKET = "wss://copilot.microsoft.com/c/api/chat?api-version=2&accessToken=x"


@pytest.mark.parametrize(
    "text",
    [
        f"'MUID=1; _U={U}'",
        f'"MUID=1; _U={U}"',
        f"`MUID=1; _U={U}`",
        f"'MUID=1; _U={U}',",
        f"\u201cMUID=1; _U={U}\u201d",
        f'cookie: "MUID=1; _U={U}"',
        f'  - cookie: "MUID=1; _U={U}"\n',
        f"Cookie=MUID=1; _U={U}",
        f'BING_COOKIE_U="MUID=1; _U={U}"',
        f"export COOKIE='MUID=1; _U={U}'",
        f"MUID=1\n_U={U}\n",
        f"MUID=1; _U={U};",
        f'accept: */*\nCookie: "MUID=1; _U={U}"',
        f'MUID=1; _U="{U}"',
        f"> document.cookie\n< 'MUID=1; _U={U}'",
        f'document.cookie;\n"MUID=1; _U={U}"',
    ],
)
def test_what_stands_around_a_header_is_taken_off(text: str) -> None:
    """Quotes of a console or an environment file, and the label before it."""
    assert find_cookies(text).usable == {"MUID": "1", "_U": U}


@pytest.mark.parametrize("text", [f"'{U}'", f'"{U}"', f"COOKIE={U}", f"cookie: {U}", f"bing_cookie_u='{U}'"])
def test_the_same_around_a_value(text: str) -> None:
    """It is the value of _U."""
    assert find_cookies(text).usable == {"_U": U}


def test_a_cookie_may_be_called_cookies() -> None:
    """It is not taken for a label."""
    assert find_cookies(f"cookies=yes; _U={U}").usable == {"cookies": "yes", "_U": U}


@pytest.mark.parametrize("text", [f"'MUID=1; _U={U}", f'"{U}', f"`_U={U}'"])
def test_a_quote_that_is_not_closed(text: str) -> None:
    """Is refused by name."""
    said = explain_refusal(find_cookies(text))
    assert said.startswith("This looks like a text in quotes, but breaks off") and U not in said


def test_json_in_quotes() -> None:
    """A script's string is read as what it holds."""
    assert find_cookies(f'\'{{"_U": "{U}"}}\'').usable == {"_U": U}


@pytest.mark.parametrize("text", ["curling a=b;_U=x", "a=b\nword", ";"])
def test_other_text_is_no_cookie_header(text: str) -> None:
    """Not everything with ";" and "=" in it."""
    assert read_paste(text).form == UNKNOWN
    assert explain_refusal(find_cookies(text)) == PASTE_A_COOKIE


def test_the_headers_of_an_answer() -> None:
    """Are known, and refused by name; the value of a Set-Cookie as well, whose attributes are no cookies."""
    line = f"_U={U}; Domain=.bing.com; Path=/"
    for text in (f"HTTP/1.1 200 OK\nSet-Cookie: {line}", line, f"cookie: {line}", f"_U={U};SameSite=None"):
        assert explain_refusal(find_cookies(text)).startswith("These are the headers of a response.")


def test_headers_of_several_requests() -> None:
    """Each has its own host and path; cookies of one without a host, beside others, are nobody's."""
    text = (
        f"GET /images HTTP/1.1\nHost: www.bing.com\nCookie: _U={U}\n\n"
        "POST /x?accessToken=y HTTP/2\nhost: example.org\ncookie: a=SECRET\n"
        ":authority: other.example\n:path: /z\ncookie: b=SECRET\n"
        "GET / HTTP/1.1\ncookie: c=SECRET\n"
    )
    paste = read_paste(text)
    assert [request.url for request in paste.requests] == [
        "https://www.bing.com/images",
        "https://example.org/x?accessToken=y",
        "https://other.example/z",
        "",
    ]
    found = find_cookies(text)
    assert found.usable == {"_U": U}
    assert [(left.reason, left.site) for left in found.left_out] == [
        ("another site", "example.org"),
        ("another site", "other.example"),
        ("no site", ""),
    ]


def test_addresses_and_tokens_around_a_paste() -> None:
    """Lines before and behind it are requests of their own."""
    curl = f"curl 'https://www.bing.com/' -b '_U={U}'"
    for text in (
        f"{curl}\n{SOCKET}",
        f"{curl}\r\n\r\n'{SOCKET}',\r\n",
        f"{SOCKET}\n{curl}",
        f'{{"_U": "{U}"}}\n{SOCKET}',
    ):
        paste = read_paste(text)
        assert paste.requests[-1].url == SOCKET and [cookie.name for cookie in paste.cookies] == ["_U"]
    paste = read_paste(f"{curl}\nauthorization: Bearer {'x' * 40}")
    assert paste.requests[-1].values("authorization") == (f"authorization: Bearer {'x' * 40}",)
    assert read_paste(f"{SOCKET}\n{SOCKET}").form == "an address"


@pytest.mark.parametrize(
    "text",
    [
        f"curl -b '_U={U}' \\\n'https://www.bing.com/'",
        f'curl -b ^"_U={U}^" ^\n"https://www.bing.com/"',
        f"cookie\n_U={U}\nhost\nwww.bing.com\nreferer\nhttps://www.bing.com/",
        f"Host: www.bing.com\nCookie: _U={U}\nAuthorization: Bearer {'x' * 40}",
    ],
)
def test_the_last_line_of_a_request_is_its_own(text: str) -> None:
    """An address behind a continued line, a header's value, a request's token."""
    paste = read_paste(text)
    assert len(paste.requests) == 1
    assert [(cookie.name, cookie.domain) for cookie in paste.cookies] == [("_U", "www.bing.com")]


def test_encodings() -> None:
    """Files with and without a mark, as Windows' programs write them."""
    text = f"MUID=1; _U={U}"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        assert find_cookies(text.encode(encoding)).usable == {"MUID": "1", "_U": U}
    assert find_cookies(b"\xff\xd8\xff\xe0" + text.encode()).usable == {}


def test_a_text_far_too_long() -> None:
    """Is refused before it is read."""
    assert "far longer" in explain_refusal(find_cookies("a=" + "x" * LONGEST_TEXT_BYTES))
    assert headers.take_addresses(b"x" * 20_000) == (b"x" * 20_000, ())
    assert headers.take_addresses(b"x" * 20_000 + b"\n" + b"y" * 20_000)[1] == ()
