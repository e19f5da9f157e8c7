"""Failures of chat back ends that the error tree has no class for, and what all parsers of responses share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    ServiceError,
    UnexpectedResponseError,
)

_DETAIL_CHARACTERS = 500
_DECIMAL = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)


class SessionEndedError(UnexpectedResponseError):
    """The upstream conversation takes no further turn; a new one, with the history replayed, can answer."""

    def __init__(self, detail: str) -> None:
        super().__init__("Bing has closed the conversation. Send the message again.", code="upstream_interrupted")
        self.detail = detail


def unexpected(reason: str, text: str = "") -> UnexpectedResponseError:
    """The error for an answer that cannot be read; the log gets the answer's beginning."""
    shown = f"{reason}: {text[:_DETAIL_CHARACTERS]}" if text else reason
    return UnexpectedResponseError(code="upstream_protocol_error", detail=shown)


def interrupted(reason: str) -> UnexpectedResponseError:
    """The error for an answer that broke off or never came."""
    return UnexpectedResponseError(
        "Bing stopped answering before the answer was complete. Send the message again.",
        code="upstream_interrupted",
        detail=reason,
    )


def parse_result(value: str, message: str) -> ServiceError:
    """What a `result.value` other than Success means.

    Raises: nothing; the caller raises what it gets. Source: docs/wire/chathub.md, section 6.
    """
    detail = f"{value}: {message[:_DETAIL_CHARACTERS]}"
    if value == "Throttled":
        return AccountThrottledError(code="throttled", detail=detail)
    if value == "CaptchaChallenge":
        return ChallengeRequiredError(detail=detail)
    if value == "InvalidSession":
        return SessionEndedError(detail)
    if value == "UnauthorizedRequest":
        is_token = "IDX10223" in message or "Lifetime validation failed" in message
        return SessionEndedError(detail) if is_token else CookieExpiredError(detail=detail)
    if value == "Forbidden":
        return AccountBlockedError(detail=detail)
    return unexpected("unknown result", detail)


def is_page(text: str) -> bool:
    """Whether an answer is markup where something else was asked for."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value in whatever letter case it came; "" when absent."""
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name), "")
    return found


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds Bing asks to wait; a date is measured against the response's own Date, so no clock is read."""
    value = header(headers, "retry-after").strip()
    if _DECIMAL.fullmatch(value):
        return float(value)
    until, now = _unix_seconds(value), _unix_seconds(header(headers, "date"))
    return None if until is None or now is None else max(0.0, until - now)


def _unix_seconds(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
