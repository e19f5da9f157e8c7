"""Requests copied as cURL: each command's cookies belong to its own address."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats import read_paste
from accounts.microsoft.protocol.paste_formats.curl import is_curl, read_curl
from accounts.microsoft.protocol.paste_formats.values import PasteError
from tests.samples.pastes import read_sample

SENT = {
    "_U": "1Abc0ffeec0ffeec0ffeec0ffeec0ffeec0ffee-_U",
    "MUID": "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
    "SRCHHPGUSR": "SRCHLANG=en&HV=1700000000",
    "host1": "a%2Bb",
    "KievRPSSecAuth": "FAB+synthetic/value==",
    "bang": "hi!there",
    "apos": "it's",
}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36"
U = "abcdefghijklmnop"


def sites(text: str) -> list[tuple[str, str]]:
    """The cookies with their sites."""
    return [(cookie.name, cookie.domain) for cookie in read_paste(text).cookies]


@pytest.mark.parametrize("name", ["post.curl_unix", "post.curl_win", "post.powershell", "post.fetch_node"])
def test_chromiums_own_copies(name: str) -> None:
    """An apostrophe, "!" and "%" in body, address and cookies change nothing; the User-Agent is whole."""
    text = read_sample(f"bing.{name}.txt")
    for given in (text, text.replace("\n", "\r\n")):
        assert find_cookies(given).usable == SENT
        [request] = read_paste(given).requests
        assert request.host == "www.bing.com"
        assert request.values("user-agent") == (() if "fetch" in name else (AGENT,))


@pytest.mark.parametrize("name", ["all.curl_unix", "all.curl_win", "all.powershell", "all.fetch_node"])
def test_chromiums_copy_of_all_requests(name: str) -> None:
    """The other site's cookie is left out by its site, whatever the order."""
    found = find_cookies(read_sample(f"bing.{name}.txt"))
    assert found.usable == SENT
    assert [(left.reason, left.site) for left in found.left_out] == [("another site", "www.example.org")]
    assert found.origins["host1"] == "www.bing.com"


BING = f"curl 'https://www.bing.com/' -b '_U={U}'"
OTHER = "curl 'https://login.live.com/x' -b '__Host-MSAAUTHP=SECRET; uaid=1'"


@pytest.mark.parametrize(
    "text",
    [
        f"{BING} ;\n{OTHER}",
        f"{OTHER} ;\n{BING}",
        f"{BING} & {OTHER}",
        f"{BING} && {OTHER}",
        f"{BING}\n{OTHER}",
        f"{BING} --next {OTHER.removeprefix('curl ')}",
        f"{OTHER} --next {BING.removeprefix('curl ')}",
        f"{BING} ;\ncurl 'wss://chat.example.org/x' -b 'a=SECRET'",
        f"{BING} ;\ncurl -b 'a=SECRET'",
        f"{BING} ;\ncurl 'https://www.bing.com/' 'https://example.org/' -b 'a=SECRET'",
        f"{BING} ;\ncurl example.org/x -b 'a=SECRET'",
        f'curl "https://www.bing.com/" -b "_U={U}" &\r\ncurl "https://example.org/?a^&b" ^\r\n -b "a=SECRET"',
    ],
)
def test_another_sites_cookies_do_not_become_bings(text: str) -> None:
    """Behind ";", "&", a line's end or --next, before and behind Bing's; a command without one address is nobody's."""
    found = find_cookies(text)
    assert found.usable == {"_U": U}
    assert found.left_out


@pytest.mark.parametrize(
    "text",
    [
        f"curl https://www.bing.com/ https://example.org/ -b '_U={U}'",
        f"curl -b '_U={U}' ; curl 'https://[bad' -b 'MUID=SECRET'",
    ],
)
def test_commands_without_a_single_site(text: str) -> None:
    """They are refused by name."""
    found = find_cookies(text)
    assert found.usable == {}
    said = explain_refusal(found)
    assert said.startswith("This is a request copied as cURL, but it does not show which site its cookies are for")


def test_a_socket_has_an_address() -> None:
    """Cookies of another site's socket are refused as that site's."""
    assert sites("curl --url 'wss://chat.example.org/x' \\\n  -b '_U=other'") == [("_U", "chat.example.org")]
    assert sites("curl 'ws://www.bing.com/x' -b '_U=1'") == [("_U", "www.bing.com")]


@pytest.mark.parametrize(
    "text",
    [
        f"curl 'https://www.bing.com/' \\\n-X 'GET' \\\n-H 'Cookie: _U={U}'",  # WebKit, Resource.js: no indent
        f"curl 'https://www.bing.com/' \\\r\n-H 'Cookie: _U={U}'",
        f"curl 'https://www.bing.com/' \\ -H 'Cookie: _U={U}'",
        f"curl 'https://www.bing.com/' -b '_U={U}' --data-raw $'{{\"t\":\"it\\'s\"}}'",
        f"curl 'https://www.bing.com/' -b $'_U={U}' --data-raw $'\\x27\\x22'",
        f"curl https://www.bing.com/ --cookie='_U={U}'",
        f"curl https://www.bing.com/ --header='Cookie: _U={U}'",
        f"curl https://www.bing.com/ -H'Cookie: _U={U}'",
        f"curl https://www.bing.com/ -b'_U={U}'",
        f"curl https://www.bing.com/ -sSLb '_U={U}'",
        f"curl -x http://127.0.0.1:8888 https://www.bing.com/ -b '_U={U}'",
        f"curl --proxy http://127.0.0.1:8888 -e https://other.example/ https://www.bing.com/ -b '_U={U}'",
        f"curl --referer https://other.example/ --doh-url https://doh.example/ www.bing.com -b '_U={U}'",
        f"curl -sS --compressed www.bing.com/ -b '_U={U}' -o out.html",
        f'curl.exe --url https://www.bing.com/ -b "_U={U}"',
        f"$ curl 'https://www.bing.com/' -b '_U={U}' | jq .",
        f"curl 'https://www.bing.com/' \\\n -H 'cookie: _U={U}' \\\n -b cookies.txt -",
        f"curl 'https://www.bing.com/' -b '_U={U}' > out.html",
        f"curl 'https://www.bing.com/' -b '_U={U}'>out.html 2>&1",
        f"curl 'https://www.bing.com/' -b '_U={U}' 2> /dev/null >> out.example.com | tee log.txt",
        f"curl 'https://www.bing.com/' &>'out file.html' -b '_U={U}' < in.txt",
        f'curl.exe "https://www.bing.com/" -b "_U={U}" > "C:\\out file.html" 2>&1',
        f'curl ^"https://www.bing.com/^" ^\r\n -b ^"_U={U}^">out.html',
        f"# it's my request\n\n# https://example.org/\ncurl 'https://www.bing.com/' -b '_U={U}'",
        f"#!/bin/sh\n\ncurl 'https://www.bing.com/' -b '_U={U}'",
        f'REM a note\r\n:: another\r\ncurl ^"https://www.bing.com/^" -b ^"_U={U}^"',
        f"> curl 'https://www.bing.com/' -b '_U={U}'",
    ],
)
def test_forms_of_a_command(text: str) -> None:
    """Safari, Postman, Burp, flattened, glued and typed by hand: the site is Bing's and nobody else's."""
    assert sites(text) == [("_U", "www.bing.com")]
    assert find_cookies(text).usable == {"_U": U}


@pytest.mark.parametrize(
    ("cookie", "value"),
    [("$'cct=x\\041y'", "x!y"), ("$'cct=x\\u0021y'", "x!y"), ("$'cct=it\\'s'", "it's"), ("'cct=a%2B'", "a%2B")],
)
def test_what_bash_decodes_is_decoded(cookie: str, value: str) -> None:
    """Firefox writes "!" as \\041, Chromium as \\u0021."""
    assert find_cookies(f"curl 'https://www.bing.com/' -H $'Cookie: _U={U}' -b {cookie}").usable["cct"] == value


def test_carets_of_older_browsers_are_taken_off() -> None:
    """Chrome and Edge until 2023 wrote them inside plain quotes."""
    text = f'curl "https://www.bing.com/" -H "cookie: _U={U}; K=a^%^2Bb" ^\r\n  --compressed'
    assert find_cookies(text).usable == {"_U": U, "K": "a%2Bb"}


def test_a_command_that_breaks_off() -> None:
    """Is refused by name."""
    assert is_curl(" curl 'x") and not is_curl("curling")
    with pytest.raises(PasteError, match="looks like a request copied as cURL, but breaks off"):
        read_curl("curl 'x")


def test_what_is_no_curl_command_is_passed_over() -> None:
    """Whatever else stands on the line."""
    assert read_curl("curl a.example ; wget b.example ; $ ; >").requests[0].host == "a.example"
