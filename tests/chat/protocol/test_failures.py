"""What failures of chat back ends become."""

from __future__ import annotations

import pytest

from bingproject.errors import CookieExpiredError, ServiceError, UnexpectedResponseError
from chat.protocol.failures import (
    BING,
    BackEnd,
    SessionEndedError,
    interrupted,
    is_page,
    parse_result,
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


def test_each_back_end_is_named_in_its_failures() -> None:
    """The tree's words say Bing; another one's name takes its place, and words of a caller's own stay."""
    other = BackEnd("Copilot", "Paste a new token.")
    assert str(other.fail("throttled", "d")).startswith("Copilot asks to slow down")
    assert str(other.fail("cookie_expired", "d")) == "Paste a new token."
    assert str(other.fail("timeout", "d")).startswith("Copilot did not answer in time")
    assert str(other.fail("too_many_running", "d")).startswith("Copilot's accounts here are all busy")
    assert str(other.fail("challenge_required", "d", message="Bing it.")) == "Bing it."
    assert str(other.interrupted("d")).startswith("Copilot stopped answering")
    assert "_U" in str(BING.fail("cookie_expired", "d"))
    assert "Copilot has closed" in str(parse_result("InvalidSession", "", other))


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "cookie_expired"), (403, "upstream_refused"), (429, "throttled"), (500, "upstream_unreachable"),
     (302, "upstream_refused"), (418, "upstream_protocol_error"), (204, "upstream_protocol_error")],
)  # fmt: skip
def test_statuses(status: int, code: str) -> None:
    """Each has its code; where it may pass, the answer says when."""
    with pytest.raises(ServiceError) as caught:
        BING.check(status, {"Retry-After": "7"}, "call")
    assert (caught.value.code, caught.value.detail) == (code, f"call answered with status {status}")
    assert caught.value.retry_after == (7 if status in (429, 500) else None)


def test_good_statuses() -> None:
    """The usual one and the one for something new."""
    for status in (200, 201):
        BING.check(status, {}, "call")
        BING.check_upload(status, {})


@pytest.mark.parametrize(("status", "code"), [(401, "cookie_expired"), (400, "image_rejected")])
def test_statuses_of_an_upload(status: int, code: str) -> None:
    """Those that are about who asks keep their meaning; the others are about the picture."""
    with pytest.raises(ServiceError) as caught:
        BING.check_upload(status, {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "code"), [("<p>", "upstream_refused"), ("{", "upstream_protocol_error"), ("[]", "upstream_protocol_error")]
)
def test_answers_that_are_no_object(text: str, code: str) -> None:
    """A page is a refusal, the rest cannot be read."""
    with pytest.raises(ServiceError) as caught:
        BING.read(text, "call")
    assert caught.value.code == code
    assert BING.read('{"a":1}', "call") == {"a": 1}
