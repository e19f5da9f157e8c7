"""Which pasted cookies are usable, and what is said of them: never a value."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from accounts.microsoft.protocol import (
    PASTE_A_COOKIE,
    describe_cookies,
    explain_refusal,
    find_cookies,
    format_cookies,
    parse_cookies,
)
from bingproject.errors import InvalidRequestError
from tests.accounts.microsoft.protocol.test_paste_formats import entry, har
from tests.samples.bing import read_sample

COOKIES = {"_U": "1synthetic-U", "MUID": "ABC"}
THEN = 1_700_000_000.0  # 2023-11-14


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
        har(entry("https://www.bing.com/", "MUID=ABC; _U=1synthetic-U"), entry("https://www.example.com/", "_U=other")),
    ],
)
def test_every_form_of_paste_gives_the_same_cookies(text: str) -> None:
    """All forms are read alike; foreign and unsendable cookies are left out."""
    assert parse_cookies(text, THEN) == COOKIES


def test_curl_of_a_unix_shell_is_unescaped() -> None:
    """What the shell would decode is decoded."""
    assert parse_cookies(read_sample("curl_unix.txt")) == {"_U": "1synthetic-U!", "MUID": "ABC"}


@pytest.mark.parametrize("value", ["1synthetic-U", "1abcdefghijklmnop==", "a.b-c_d%2F+/", "1Ab-" * 1000])
def test_a_bare_value_is_the_cookie_u(value: str) -> None:
    """A single word is the value of _U, also with base64's padding and at any length that browsers keep."""
    assert parse_cookies(f" {value}\n") == {"_U": value}


def test_bing_s_own_cookie_goes_first() -> None:
    """Of two cookies of one name bing.com's is kept, whatever the order of the export."""
    export = (
        '[{"domain": "login.microsoft.com", "name": "_U", "value": "other"},'
        '{"domain": ".bing.com", "name": "_U", "value": "mine"},'
        '{"domain": "account.microsoft.com", "name": "kept", "value": "yes"}]'
    )
    assert parse_cookies(export) == {"_U": "mine", "kept": "yes"}


NOT_OF_BING = "These are cookies of"
NO_SIGN_IN = "But _U, which is what signs in, is not among them."
DAMAGED = "breaks off or is damaged"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", PASTE_A_COOKIE),
        ("   ", PASTE_A_COOKIE),
        ("two secret words", PASTE_A_COOKIE),
        ("_U=", PASTE_A_COOKIE),
        ("MUID=", PASTE_A_COOKIE),
        ("_U=caf\u00e9secret", PASTE_A_COOKIE),
        ("Cookie: _U=secret words", PASTE_A_COOKIE),
        ("secret" * 1000, PASTE_A_COOKIE),
        ("<html><body>secret</body></html>", "This is HTML or XML"),
        ("https://www.bing.com/?secret", PASTE_A_COOKIE),
        ("[5]", PASTE_A_COOKIE),
        ('{"cookies": [{"name": "_U"}]}', PASTE_A_COOKIE),
        ('{"_U": 5}', PASTE_A_COOKIE),
        ('[{"domain": 5, "name": "_U", "value": "secret"}]', "it does not show which site its cookies are for"),
        ('[{"domain": ".bing.com", "name": "_U", "value": "secret\\r\\nX-Evil: 1"}]', PASTE_A_COOKIE),
        ("[", DAMAGED),
        ("[" * 100_000, DAMAGED),
        ("curl 'https://www.bing.com/' -b '_U=secret", DAMAGED),
        ("MUID=secret", f"Found 1 cookie of bing.com: MUID. {NO_SIGN_IN}"),
        ("secretname=secret; a=secret", f"Found 2 cookies of bing.com: 2 others than those known here. {NO_SIGN_IN}"),
        (
            '[{"domain": ".notbing.com", "name": "_U", "value": "secret"}]',
            f"{NOT_OF_BING} notbing.com, not of bing.com.",
        ),
        ('[{"domain": ".bing.com.example", "name": "_U", "value": "secret"}]', f"{NOT_OF_BING} bing.com.example,"),
        ('[{"domain": "a secret", "name": "_U", "value": "secret"}]', f"{NOT_OF_BING} other sites,"),
        (".example.com\tTRUE\t/\tTRUE\t0\t_U\tsecret", f"{NOT_OF_BING} example.com, not of bing.com."),
        ("Host: example.com\nCookie: _U=secret", f"{NOT_OF_BING} example.com, not of bing.com."),
        ("curl 'https://www.example.com/' -b '_U=secret'", f"{NOT_OF_BING} www.example.com,"),
        ("curl 'https://bing.com.example/' -H 'cookie: _U=secret'", f"{NOT_OF_BING} bing.com.example,"),
        ("curl 'https://www.bing.com/' -H 'accept: _U=secret'", "the browser left the cookies out"),
        (har(entry("https://www.bing.com/images/create")), "This is a HAR with requests to bing.com, but the browser"),
        (har(entry("https://www.example.com/")), "This is a HAR with requests to www.example.com, and no cookies"),
        (har(), PASTE_A_COOKIE),
        (har(*(entry(f"https://{name}.example/", "a=b") for name in "abcde")), "a.example, b.example, c.example and 2"),
        (
            '[{"domain": ".bing.com", "name": "_U", "value": "secret", "expirationDate": 1699999999}]',
            "The cookie _U in this paste expired on 2023-11-14. Sign in at bing.com again",
        ),
        (".bing.com\tTRUE\t/\tTRUE\t1699999999\t_U\tsecret", "The cookie _U in this paste expired on 2023-11-14."),
        (
            har(entry("https://www.bing.com/", cookies=[{"name": "_U", "value": "secret", "expires": "2023-01-01"}])),
            "The cookie _U in this paste expired on 2023-01-01.",
        ),
    ],
)
def test_a_paste_without_a_usable_cookie_is_refused_without_echo(text: str, said: str) -> None:
    """The error says what is wrong and what to paste, and repeats nothing but the names of sites."""
    with pytest.raises(InvalidRequestError) as refused:
        parse_cookies(text, THEN)
    assert said in refused.value.message
    assert "secret" not in refused.value.message + refused.value.detail
    assert explain_refusal(find_cookies(text, THEN)) == describe_cookies(find_cookies(text, THEN))


def exported(**values: str) -> list[dict[str, Any]]:
    """A cookie editor's export of bing.com."""
    return [{"domain": ".bing.com", "name": name, "value": value} for name, value in values.items()]


def test_what_was_found_is_said_in_plain_words() -> None:
    """Names that are known, a count of the others, what signs in, what is missing; no value, no unknown name."""
    cookies = exported(_U="secret-1", MUID="secret-2", secretname="secret-3", other="secret-4")
    said = describe_cookies(find_cookies(json.dumps(cookies)))
    assert said.startswith("Found 4 cookies of bing.com: _U, MUID and 2 others. _U is what signs in. KievRPSSecAuth is")
    assert "cct is missing" in said
    assert "secret" not in said
    whole = exported(_U="1", KievRPSSecAuth="2", cct="3", x="4")
    said = describe_cookies(find_cookies(json.dumps(whole)))
    assert said == "Found 4 cookies of bing.com: _U, KievRPSSecAuth, cct and 1 other. _U is what signs in."


def test_a_lone_u_is_told_to_be_enough_for_pictures() -> None:
    """And that chat has been seen to want more."""
    said = describe_cookies(find_cookies("1synthetic-U"))
    assert said.startswith("Found 1 cookie of bing.com: _U. _U is what signs in. Alone it is enough for pictures")


def test_what_was_left_out_is_said() -> None:
    """Cookies of other sites with the sites' names, and expired ones unless a fresh one has their name."""
    cookies = exported(_U="1", MUID="2", KievRPSSecAuth="3", cct="4")
    cookies += [{"domain": ".example.com", "name": "a", "value": "1"}]
    cookies += [{"domain": ".bing.com", "name": name, "value": "1", "expires": 1} for name in ("SRCHD", "MUID")]
    found = find_cookies(json.dumps(cookies), THEN)
    assert found.usable["MUID"] == "2" and set(found.expired) == {"SRCHD"}
    said = describe_cookies(found)
    assert said.endswith("Left out: 1 of other sites (example.com). Left out: 1 that have expired.")


def test_a_large_har_is_read_within_seconds() -> None:
    """20 MB, nearly all of it pages and pictures, with the cookies at its end."""
    page = entry("https://www.bing.com/images/create")
    page["response"]["content"]["text"] = "x" * 1_000_000
    text = har(*[page] * 20, entry("https://www.bing.com/", "_U=1synthetic-U"))
    assert len(text) > 20_000_000
    began = time.perf_counter()
    assert parse_cookies(text) == {"_U": "1synthetic-U"}
    assert time.perf_counter() - began < 5


def test_cookies_round_trip() -> None:
    """The header line reads back as the cookies it was made of, in their order."""
    cookies = {"MUID": "ABC", "_U": "1=2==", "quoted": '"a,b"'}
    assert format_cookies(cookies) == 'MUID=ABC; _U=1=2==; quoted="a,b"'
    assert list(parse_cookies(format_cookies(cookies)).items()) == list(cookies.items())
