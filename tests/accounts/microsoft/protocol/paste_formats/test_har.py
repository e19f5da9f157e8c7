"""A HAR as browsers and proxies write it, with all that may be odd in it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from accounts.microsoft.protocol import choose_cookies, explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats import read_paste
from accounts.microsoft.protocol.paste_formats.har import read_har, repair_json
from tests.accounts.microsoft.protocol.paste_formats.test_curl import SENT
from tests.samples.pastes import read_sample

NOW = 1_790_000_000
U = "abcdefghijklmnop"


def har(*entries: Any) -> str:
    """A HAR of these entries."""
    return json.dumps({"log": {"entries": list(entries)}})


def request(cookie: str, *listed: dict[str, Any], url: str = "https://www.bing.com/", **more: Any) -> dict[str, Any]:
    """An entry with a Cookie header and the list beside it."""
    headers = [{"name": "Cookie", "value": cookie}] if cookie else []
    return {"request": {"url": url, "headers": headers, "cookies": list(listed)}, **more}


def test_chromiums_own_har() -> None:
    """Cookies without an end are written as 1969 and have not expired; the other site's are left out."""
    found = find_cookies(read_sample("bing.har"), NOW)
    assert found.usable == SENT and not found.expired
    assert [(left.reason, left.site) for left in found.left_out] == [("another site", "www.example.org")]
    assert find_cookies(read_sample("bing.har").encode(), NOW) == found


def test_chromiums_har_without_sensitive_data() -> None:
    """Says how to export one that has the cookies."""
    said = explain_refusal(find_cookies(read_sample("bing_sanitized.har"), NOW))
    assert "the browser left the cookies out. Export it once more with sensitive data." in said


def test_host_cookies_of_a_copilot_session() -> None:
    """`__Host-…` belongs to one host and has no end: it is sent as well as the one with a domain."""
    assert choose_cookies(read_sample("copilot.har"), "copilot.microsoft.com", NOW) == (
        "a HAR",
        {"cf_clearance": "clear.ance-synthetic_1", "__Host-copilot-anon": "anon1", "MUID": "COPILOT0MUID"},
    )


def test_mitmproxys_own_har() -> None:
    """The header's value counts, with its quotes; the list's has none."""
    assert find_cookies(read_sample("mitmproxy.har"), NOW).usable == {
        "_U": SENT["_U"],
        "MUID": '"q,r"',
        "K": "a%2Bb",
    }


def test_a_headers_value_goes_before_the_lists() -> None:
    """Firefox decodes the list's values (devtools/shared/network-observer/NetworkHelper.sys.mjs)."""
    listed = [{"name": "_U", "value": U}, {"name": "K", "value": "a+b"}, {"name": "D", "value": "1 Nov"}]
    text = har(request(f"_U={U}; K=a%2Bb; D=1%20Nov", *listed))
    assert find_cookies(text).usable == {"_U": U, "K": "a%2Bb", "D": "1%20Nov"}
    short = har(request(f"_U={U}; K=long", {"name": "K", "value": "l", "domain": ".bing.com", "expires": "2020-01-01"}))
    found = find_cookies(short, NOW)
    assert (found.usable, set(found.expired)) == ({"_U": U}, {"K"})
    assert find_cookies(har(request("", {"name": "_U", "value": U}))).usable == {"_U": U}


def test_of_one_name_twice_the_first_counts() -> None:
    """As the browser sends the closest first; each takes its own line of the list."""
    listed = [{"name": "a", "value": "1", "domain": "www.bing.com"}, {"name": "a", "value": "2", "domain": ".bing.com"}]
    cookies = read_paste(har(request("a=1; a=2", *listed))).cookies
    assert [(cookie.value, cookie.domain) for cookie in cookies] == [("1", "www.bing.com"), ("2", ".bing.com")]
    assert find_cookies(har(request("a=1; a=2"))).usable == {"a": "1"}


GOOD = {"request": {"url": "https://www.bing.com/", "headers": [{"name": "Cookie", "value": f"_U={U}; K=1"}]}}


@pytest.mark.parametrize(
    "odd",
    [
        {"request": {"url": "https://r.bing.com/x", "headers": None, "cookies": None}},
        {"request": {"url": "https://r.bing.com/x", "headers": [{"name": "a", "value": None}]}},
        {"request": {"url": 5, "headers": [None, 5, {}], "cookies": {"a": 1}}},
        {"request": {"url": "https://r.bing.com/x"}, "response": {"cookies": [{"name": "a", "domain": None}]}},
        {"request": {"url": "https://r.bing.com/x"}, "response": {"cookies": [{"name": "a", "value": None}]}},
        {"request": None},
        {"request": 5, "response": 5},
        {"response": None},
        None,
        5,
        {"request": {"url": "data:,x", "headers": []}, "response": None, "_error": None},
    ],
)
def test_an_odd_entry_is_passed_over(odd: Any) -> None:
    """The others are read as ever."""
    assert find_cookies(har(odd, GOOD, odd)).usable == {"_U": U, "K": "1"}


def test_values_as_webdriver_bidi_writes_them() -> None:
    """`{"type": …, "value": …}`, also in base64."""
    cookie = {"type": "string", "value": f"_U={U}"}
    entry = {"request": {"url": "https://www.bing.com/", "headers": [{"name": "Cookie", "value": cookie}]}}
    assert find_cookies(har(entry)).usable == {"_U": U}
    entry["request"]["headers"] = [
        {"name": "Cookie", "value": {"type": "base64", "value": "X1U9YWJjZGVmZ2hpamtsbW5vcA=="}},
        {"name": "Cookie", "value": {"type": "base64", "value": "%"}},
        {"name": "Cookie", "value": {"type": "base64", "value": 5}},
        {"name": "Cookie", "value": {"type": "string", "value": 5}},
    ]
    assert find_cookies(har(entry)).usable == {"_U": U}


def test_a_body_in_another_encoding() -> None:
    """Half a surrogate pair, or a byte that is not UTF-8, says nothing of the cookies."""
    body = GOOD | {"response": {"content": {"text": "\udce9\\ud800"}, "cookies": []}}
    assert find_cookies(har(body)).usable == {"_U": U, "K": "1"}
    data = har(GOOD | {"response": {"content": {"text": "BYTE"}}}).encode().replace(b"BYTE", b"\xe9")
    assert find_cookies(data).usable == {"_U": U, "K": "1"}
    assert repair_json(rb'"\\ud800 \" \ud83d"') == rb'"\\ud800 \" \ufffd"'


def test_a_request_without_an_address_is_nobodys() -> None:
    """Its cookies are left out, and said to be."""
    found = find_cookies(har(request("a=1", {"name": "b", "value": "2"}, url="")))
    assert not found.usable
    assert [(left.reason, left.count) for left in found.left_out] == [("no site", 2)]


def test_what_is_no_har() -> None:
    """Another document is None; half a one is the decoder's error."""
    assert read_har(b'{"log": {"entries": 5}}') is None and read_har(b"[]") is None
    with pytest.raises(msgspec.DecodeError):
        read_har(b'{"log": {"entries": [')
    with pytest.raises(msgspec.DecodeError):
        read_har(b'{"log": {"entries": [null')
