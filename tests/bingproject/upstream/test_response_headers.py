"""Headers of a response as values."""

from __future__ import annotations

import pytest

from bingproject.upstream.response_headers import find_header, parse_retry_after

DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


def test_headers_in_any_case() -> None:
    """Found as they are, found in another case, or empty."""
    found = [find_header(headers, "location") for headers in ({"location": "1"}, {"Location": "2"}, {"x": "3"}, {})]
    assert found == ["1", "2", "", ""]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT", "date": DATE}, 90.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:30 -0000", "Date": DATE}, 90.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "-5", "date": DATE}, None),
        ({"retry-after": "\u0661\u0662", "date": DATE}, None),
        ({"retry-after": "9" * 5000, "date": DATE}, 86400.0),
        ({"retry-after": "999999999"}, 86400.0),
        ({"retry-after": "00000000000000000007"}, 7.0),
        ({"retry-after": "86401.5"}, 86400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": DATE}, 86400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359", "date": DATE}, 86400.0),
        ({"retry-after": "Sun, 99 Foo 2026 12:01:30 GMT", "date": DATE}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or a date, measured against the response's own Date, a day at most; nonsense is nothing known."""
    assert parse_retry_after(headers) == seconds
