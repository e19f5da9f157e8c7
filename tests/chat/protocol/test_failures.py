"""What failures of chat back ends become."""

from __future__ import annotations

import pytest

from bingproject.errors import CookieExpiredError, UnexpectedResponseError
from chat.protocol.failures import (
    SessionEndedError,
    header,
    interrupted,
    is_page,
    parse_result,
    parse_retry_after,
    unexpected,
)


def test_details_are_short() -> None:
    """The log gets the beginning of what could not be read, and the caller none of it."""
    error = unexpected("odd", "x" * 10_000)
    assert error.detail == "odd: " + "x" * 500
    assert "x" * 10 not in error.message
    assert unexpected("odd").detail == "odd"
    assert interrupted("cut").code == "upstream_interrupted"


def test_an_ended_session_is_an_interruption_that_a_new_one_mends() -> None:
    """Shown, it is like any interruption; the services know it by its class."""
    error = SessionEndedError("InvalidSession")
    assert isinstance(error, UnexpectedResponseError)
    assert (error.code, error.detail) == ("upstream_interrupted", "InvalidSession")


@pytest.mark.parametrize(
    ("value", "message", "code"),
    [
        ("Throttled", "Request is throttled.", "throttled"),
        ("CaptchaChallenge", "User needs to solve CAPTCHA to continue.", "challenge_required"),
        ("Forbidden", "", "account_blocked"),
        ("InvalidSession", "Conversation doesn't exist or has expired.", "upstream_interrupted"),
        ("Whatever", "", "upstream_protocol_error"),
    ],
)
def test_results(value: str, message: str, code: str) -> None:
    """Each result that is no success is one code of the closed list."""
    error = parse_result(value, message)
    assert error.code == code
    assert error.detail.endswith(f"{value}: {message}")


def test_an_expired_token_is_not_an_expired_account() -> None:
    """Only the conversation's token has run out; any other refusal is about the account."""
    assert isinstance(parse_result("UnauthorizedRequest", "(IDX10223: Lifetime validation failed)"), SessionEndedError)
    assert isinstance(parse_result("UnauthorizedRequest", "Lifetime validation failed"), SessionEndedError)
    assert isinstance(parse_result("UnauthorizedRequest", "Sorry, you need to login first"), CookieExpiredError)


def test_pages_are_known_by_their_markup() -> None:
    """Whatever stands before it that cannot be seen."""
    assert all(is_page(text) for text in ("<html>", " \r\n<p>", "\ufeff<!doctype html>"))
    assert not any(is_page(text) for text in ("", "{}", "Bad <b>Request</b>"))


def test_headers_in_any_case() -> None:
    """Found as they are, found in another case, or empty."""
    found = [header(headers, "retry-after") for headers in ({"retry-after": "1"}, {"Retry-After": "2"}, {"x": "3"})]
    assert found == ["1", "2", ""]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "9" * 20}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 10:01:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 60),
        ({"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:01:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, or a date against the response's own; anything else is not known."""
    assert parse_retry_after(headers) == seconds
