"""The errors that failures of chat back ends become."""

from __future__ import annotations

import pytest

from bingproject.errors import CookieExpiredError, ServiceError, UnexpectedResponseError
from chat.protocol.failures import (
    BING_ERRORS,
    ErrorFactory,
    SessionEndedError,
    is_page,
    parse_result,
)


def test_details_are_short() -> None:
    """The log gets the beginning of an unreadable response, and the caller nothing of it."""
    error = BING_ERRORS.unexpected("odd", "x" * 10_000)
    assert error.detail == "odd: " + "x" * 500
    assert "x" * 10 not in error.message
    assert BING_ERRORS.unexpected("odd").detail == "odd"
    assert BING_ERRORS.interrupted("cut").code == "upstream_interrupted"


def test_an_ended_session_is_an_interruption_with_a_class_of_its_own() -> None:
    """Callers see an interruption; the services recognise the class."""
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
def test_each_result_has_a_code(value: str, message: str, code: str) -> None:
    """Each result other than Success is one code of the closed list."""
    error = parse_result(value, message)
    assert error.code == code
    assert error.detail.endswith(f"{value}: {message}")


def test_an_expired_token_is_not_an_expired_account() -> None:
    """Only these wordings mean the conversation's token; any other refusal is about the account."""
    assert isinstance(parse_result("UnauthorizedRequest", "(IDX10223: Lifetime validation failed)"), SessionEndedError)
    assert isinstance(parse_result("UnauthorizedRequest", "Lifetime validation failed"), SessionEndedError)
    assert isinstance(parse_result("UnauthorizedRequest", "Sorry, you need to login first"), CookieExpiredError)


def test_pages_are_recognised_by_their_markup() -> None:
    """A byte-order mark and white space in front do not matter."""
    assert all(is_page(text) for text in ("<html>", " \r\n<p>", "\ufeff<!doctype html>"))
    assert not any(is_page(text) for text in ("", "{}", "Bad <b>Request</b>"))


def test_each_back_end_is_named_in_its_failures() -> None:
    """The usual messages get the back end's name; a given message stays unchanged."""
    other = ErrorFactory("Copilot", "Paste a new token.")
    assert str(other.build("throttled", "d")).startswith("Copilot asks to slow down")
    assert str(other.build("cookie_expired", "d")) == "Paste a new token."
    assert str(other.build("timeout", "d")).startswith("Copilot did not answer in time")
    assert str(other.build("too_many_running", "d")).startswith("Copilot's accounts here are all busy")
    assert str(other.build("challenge_required", "d", message="Bing it.")) == "Bing it."
    assert str(other.interrupted("d")).startswith("Copilot stopped answering")
    assert "_U" in str(BING_ERRORS.build("cookie_expired", "d"))
    assert "Copilot has closed" in str(parse_result("InvalidSession", "", other))


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "cookie_expired"), (403, "upstream_refused"), (429, "throttled"), (500, "upstream_unreachable"),
     (302, "upstream_refused"), (418, "upstream_protocol_error"), (204, "upstream_protocol_error")],
)  # fmt: skip
def test_each_status_has_a_code(status: int, code: str) -> None:
    """The error also says when to try again, if the response does."""
    with pytest.raises(ServiceError) as caught:
        BING_ERRORS.check(status, {"Retry-After": "7"}, "call")
    assert (caught.value.code, caught.value.detail) == (code, f"call answered with status {status}")
    assert caught.value.retry_after == (7 if status in (429, 500) else None)


def test_200_and_201_are_accepted() -> None:
    """201 is the answer to a call that creates something."""
    for status in (200, 201):
        BING_ERRORS.check(status, {}, "call")
        BING_ERRORS.check_upload(status, {})


@pytest.mark.parametrize(("status", "code"), [(401, "cookie_expired"), (400, "image_rejected")])
def test_statuses_of_an_upload(status: int, code: str) -> None:
    """A status about the account keeps its meaning; any other is about the picture."""
    with pytest.raises(ServiceError) as caught:
        BING_ERRORS.check_upload(status, {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "code"), [("<p>", "upstream_refused"), ("{", "upstream_protocol_error"), ("[]", "upstream_protocol_error")]
)
def test_responses_that_are_no_object(text: str, code: str) -> None:
    """A page is a refusal; anything else cannot be read."""
    with pytest.raises(ServiceError) as caught:
        BING_ERRORS.read_object(text, "call")
    assert caught.value.code == code
    assert BING_ERRORS.read_object('{"a":1}', "call") == {"a": 1}
