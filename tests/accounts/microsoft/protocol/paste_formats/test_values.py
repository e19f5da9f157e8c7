"""What a paste holds: requests, cookies, and when they end."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol.paste_formats.values import (
    PastedRequest,
    domain_of,
    host_of,
    is_name,
    make_request,
    split_header,
    unix_seconds,
)


@pytest.mark.parametrize(
    ("expiry", "ends"),
    [
        (1700000000, 1700000000.0),
        (1700000000.5, 1700000000.5),
        ("1700000000", 1700000000.0),
        (" 1700000000.742 ", 1700000000.742),
        (1826070225981.393, 1826070225.981393),  # cookieStore's milliseconds
        (1700000000000000, 1700000000.0),
        (13344473600000000, 1700000000.0),  # Chromium's microseconds since 1601
        ("2023-11-14T22:13:20.000Z", 1700000000.0),
        ("2023-11-14T22:13:20", 1700000000.0),
        ("Tue, 14 Nov 2023 22:13:20 GMT", 1700000000.0),
        ("1969-12-31T23:59:59.000Z", None),  # Chromium's HAR for a cookie without an end
        ("1970-01-01T00:00:00Z", None),
        (0, None),
        (-1, None),
        ("-1", None),
        (True, None),
        (None, None),
        ("soon", None),
        ("+292269009-12-31T00:00:00Z", None),
        ("9" * 100, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ([1], None),
    ],
)
def test_when_a_cookie_ends(expiry: object, ends: float | None) -> None:
    """Seconds with a fraction, milliseconds, microseconds, dates; none, 0, -1 and 1970 are the browser's own end."""
    found = unix_seconds(expiry)
    assert found == pytest.approx(ends) if ends else found is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.Bing.com/a?b", "www.bing.com"),
        ("wss://copilot.microsoft.com/c", "copilot.microsoft.com"),
        ("https://[bad", ""),
        ("www.bing.com", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_address(url: str, host: str) -> None:
    """Also of a socket's address; "" for what is none."""
    assert host_of(url) == host
    assert make_request(url).host == host


def test_a_domain_may_be_written_as_an_address() -> None:
    """As Cookie Quick Manager does."""
    assert domain_of("https://www.bing.com/") == "www.bing.com"
    assert domain_of(".bing.com") == ".bing.com"


def test_a_header_is_split() -> None:
    """A word without "=" is no cookie; a value may have "=" in it."""
    cookies = list(split_header("a=1; flag; b=x=y;", "bing.com"))
    assert [(cookie.name, cookie.value, cookie.domain) for cookie in cookies] == [
        ("a", "1", "bing.com"),
        ("b", "x=y", "bing.com"),
    ]


def test_values_are_not_in_representations() -> None:
    """Neither a cookie nor a request shows its secrets in a traceback."""
    request = PastedRequest("https://a/?secret", (("cookie", "secret"),), tuple(split_header("secret=secret")))
    assert "secret" not in repr(request) + repr(request.cookies[0])
    assert request.values("cookie") == ("secret",)


def test_names() -> None:
    """What a header can be called."""
    assert is_name("__Host-a") and not is_name("a b") and not is_name("")
