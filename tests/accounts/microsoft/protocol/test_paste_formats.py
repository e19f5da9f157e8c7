"""Each form in which a browser gives its cookies away, read into the same list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.microsoft.protocol.paste_formats import PastedCookie, read_paste
from tests.samples.bing import read_sample


def har(*entries: dict[str, Any]) -> str:
    """A HAR of these entries, as a browser writes it."""
    creator = {"name": "Browser", "version": "1"}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "pages": [], "entries": list(entries)}})


def entry(url: str, cookie: str = "", answered: tuple[dict[str, Any], ...] = (), **request: Any) -> dict[str, Any]:
    """One request with a Cookie header, and the cookies of its answer."""
    headers = [{"name": "Accept", "value": "a=b"}]
    headers += [{"name": "cookie", "value": cookie}] if cookie else []
    body = {"size": 5, "mimeType": "text/html", "text": "<p>"}
    return {
        "request": {"method": "GET", "url": url, "headers": headers, **request},
        "response": {"status": 200, "headers": [], "cookies": list(answered), "content": body},
    }


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1abc", "a bare value"),
        ("MUID=ABC; _U=1abc", "a Cookie header"),
        (read_sample("cookies.txt"), "a cookies.txt"),
        (read_sample("cookie_editor.json"), "a JSON export of cookies"),
        (read_sample("curl_unix.txt"), "a request copied as cURL"),
        (har(), "a HAR"),
        ("https://www.bing.com/images/create", "an address"),
        ("<html>", "a text of unknown form"),
        ("x" * 4097, "a text of unknown form"),
    ],
)
def test_the_form_is_told(text: str, form: str) -> None:
    """By how it begins, and by what stands in it; an address, a page and an endless word are no value."""
    assert read_paste(text).form == form


@pytest.mark.parametrize(
    "text",
    [
        "Accept: a=b\nCookie: MUID=ABC; _U=1abc\nReferer: x",
        "accept:\na=b\ncookie:\nMUID=ABC; _U=1abc\nreferer:\nx",
        "accept\r\na=b\r\ncookie\r\nMUID=ABC; _U=1abc\r\n",
        "cookie: MUID=ABC\ncookie: _U=1abc",
    ],
    ids=["one line each", "two lines each", "table", "crumbs"],
)
def test_headers_as_browsers_show_them(text: str) -> None:
    """Name and value on one line or on two, one Cookie header or several."""
    assert read_paste(text).cookies == (PastedCookie("MUID", "ABC"), PastedCookie("_U", "1abc"))


@pytest.mark.parametrize(
    "line", ["Host: www.example.com", ":authority: www.example.com", ":authority\nwww.example.com"]
)
def test_a_request_names_its_host(line: str) -> None:
    """So that the headers of another site are known for what they are."""
    paste = read_paste(f"GET / HTTP/1.1\n{line}\nCookie: _U=1abc")
    assert paste.cookies == (PastedCookie("_U", "1abc", "www.example.com"),)
    assert paste.hosts == {"www.example.com"}


def test_when_a_cookie_ends_is_read_from_every_form() -> None:
    """Seconds, ISO dates with and without a zone; none, 0 and -1 are the browser's own end."""
    exported = [
        {"name": "a", "value": "1", "expirationDate": 1700000000.5},
        {"name": "b", "value": "1", "expires": "2023-11-14T22:13:20.000Z"},
        {"name": "c", "value": "1", "expires": "2023-11-14T22:13:20"},
        {"name": "d", "value": "1", "expires": -1},
        {"name": "e", "value": "1", "expiry": 1700000000},
        {"name": "f", "value": "1", "expirationDate": None, "expires": "soon"},
        {"name": "g", "value": "1", "expires": True},
    ]
    ends = [cookie.expires_at for cookie in read_paste(json.dumps(exported)).cookies]
    assert ends == [1700000000.5, 1700000000.0, 1700000000.0, None, 1700000000.0, None, None]
    lines = "\n".join(f".bing.com\tTRUE\t/\tTRUE\t{end}\tn\tv" for end in ("1700000000", "0", "soon"))
    assert [cookie.expires_at for cookie in read_paste(lines).cookies] == [1700000000.0, None, None]


def test_a_har_gives_each_cookie_as_it_was_last_seen() -> None:
    """Headers and lists, requests and answers: newest first; an entry without an answer is no fault."""
    first = entry("https://www.bing.com/", "_U=old; MUID=ABC")
    second = entry(
        "https://www.bing.com/images/create",
        "_U=old",
        ({"name": "_U", "value": "new", "domain": "www.bing.com", "expires": "2023-11-14T22:13:20Z"},),
        cookies=[{"name": "SRCHD", "value": "1", "domain": ".bing.com"}],
    )
    third: dict[str, Any] = {"request": {"method": "GET", "url": "https://login.live.com/", "headers": []}}
    paste = read_paste(har(first, second, third))
    assert paste.cookies == (
        PastedCookie("_U", "new", "www.bing.com", 1700000000.0),
        PastedCookie("SRCHD", "1", ".bing.com"),
        PastedCookie("MUID", "ABC", "www.bing.com"),
    )
    assert paste.hosts == {"www.bing.com", "login.live.com"}


def test_an_address_that_is_none_is_nobodys() -> None:
    """A HAR and a cURL line with odd addresses are read all the same."""
    assert read_paste(har(entry("https://[bad", "_U=1abc"))).hosts == frozenset()
    assert read_paste("curl -b _U=1abc").cookies == (PastedCookie("_U", "1abc"),)


@pytest.mark.parametrize(
    "text",
    [
        'curl ^"https://www.bing.com/^" ^\r\n  -H ^"accept: x^" ^\r\n  -b ^"MUID=A^%^2FB; _U=1abc^"',
        'curl "https://www.bing.com/" ^\n  -H "cookie: MUID=A%2FB; _U=1abc" ^\n  --compressed',
        'curl.exe "https://www.bing.com/" --header "Cookie: MUID=A%2FB; _U=1abc"',
        "curl 'https://www.bing.com/' --cookie 'MUID=A%2FB; _U=1abc'",
    ],
    ids=["cmd", "older cmd", "curl.exe", "bash"],
)
def test_curl_of_every_shell(text: str) -> None:
    """What the shell would take away is taken away."""
    assert read_paste(text).cookies == (
        PastedCookie("MUID", "A%2FB", "www.bing.com"),
        PastedCookie("_U", "1abc", "www.bing.com"),
    )


@pytest.mark.parametrize(
    ("text", "is_damaged"),
    [
        ("[", True),
        ('{"log": {"entries": [', True),
        ("[" * 100_000, True),
        ("curl 'https://www.bing.com/' -b '_U=1abc", True),
        ("[5]", False),
        ('{"cookies": 5}', False),
        ('{"log": {"entries": 5}}', False),
        ("5", False),
        ("", False),
    ],
)
def test_what_breaks_off_is_told_from_what_holds_nothing(text: str, is_damaged: bool) -> None:
    """Half a document is damaged; a whole one of another shape has no cookies."""
    paste = read_paste(text)
    assert bool(paste.problem) == is_damaged
    assert not paste.cookies or text == "5"
