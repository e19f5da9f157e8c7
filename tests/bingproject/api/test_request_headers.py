"""`Prefer` and `Idempotency-Key`, from their text."""

from __future__ import annotations

import pytest

from bingproject.api.request_headers import check_idempotency_key, parse_prefer
from bingproject.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "respond_async", "wait_seconds"),
    [
        ("", False, None),
        ("respond-async", True, None),
        ("Respond-ASYNC, WAIT=10", True, 10.0),
        ('wait="20"', False, 20.0),
        ("wait = 7", False, 7.0),
        ("wait=0", False, 0.0),
        ('respond-async; foo=bar; x, wait=5; y="a,b"', True, 5.0),
        ("handling=lenient, return=minimal", False, None),
        # the first of a name counts
        ("wait=3, wait=9", False, 3.0),
        ("wait=abc, wait=5", False, None),
        # a comma inside quotes separates nothing
        ('foo="a, respond-async", wait=5', False, 5.0),
        ('foo="a\\", respond-async", wait=6', False, 6.0),
        # malformed ones are ignored, the others are not
        (",, ,wait=3,", False, 3.0),
        ("=, respond-async", True, None),
        ("wait=5 x, respond-async", True, None),
        ("@@@, wait=1", False, 1.0),
        ("wait=-1", False, None),
        ("wait=1.5", False, None),
        ("wait=99999999999999999999", False, None),
        ("wait", False, None),
        ("respond-async=no", False, None),
        ('"unclosed, wait=4', False, 4.0),
        ("respond async", False, None),
    ],
)
def test_reads_preferences(text: str, respond_async: bool, wait_seconds: float | None) -> None:
    """Lists, quotes and any letter case are understood; malformed and unknown ones ignored."""
    found = parse_prefer(text)
    assert (found.respond_async, found.wait_seconds) == (respond_async, wait_seconds)


@pytest.mark.parametrize(
    "text", ["a" + "; " * 5000 + "@", "a" + " " * 5000 + "@", '"' * 4999, 'a="' + "\\" * 5000, "=," * 5000]
)
def test_a_hostile_header_ends(text: str) -> None:
    """Nothing in the pattern takes exponential time, or this test would not end."""
    assert parse_prefer(text).wait_seconds is None


def test_says_what_was_honoured() -> None:
    """Only what the view applied stands in `Preference-Applied`, with the seconds it counted."""
    found = parse_prefer("wait=100, respond-async")
    assert found.header == ""
    found.apply_respond_async()
    found.apply_wait(60.0)
    assert found.header == "respond-async, wait=60"


@pytest.mark.parametrize("text", [None, "a", "order 12 / #7~", "x" * 255])
def test_takes_an_idempotency_key(text: str | None) -> None:
    """1 to 255 printable ASCII characters, or none at all."""
    assert check_idempotency_key(text) == text


@pytest.mark.parametrize("text", ["", "x" * 256, "tab\tkey", "schlüssel", "a\x7f", "a\n"])
def test_refuses_a_malformed_idempotency_key(text: str) -> None:
    """400, naming the header."""
    with pytest.raises(InvalidRequestError) as caught:
        check_idempotency_key(text)
    assert caught.value.param == "Idempotency-Key"
