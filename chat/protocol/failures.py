"""Failures of chat back ends: what the error tree has no class for, who is named in them, what plain answers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bingproject.errors import MESSAGES, OWNER, ServiceError, UnexpectedResponseError
from bingproject.response_headers import parse_retry_after

_DETAIL_CHARACTERS = 500
# The tree's words for these speak of tasks and creations; a chat's caller sends a message again.
_CHAT_MESSAGES = {
    "too_many_running": "Bing's accounts here are all busy. Send the message again after the time in Retry-After.",
    "upstream_interrupted": "Bing stopped answering before the answer was complete. Send the message again.",
    "timeout": "Bing did not answer in time. Send the message again.",
}


class SessionEndedError(UnexpectedResponseError):
    """The upstream conversation takes no further turn; a new one, with the history replayed, can answer."""

    def __init__(self, detail: str, name: str = "Bing") -> None:
        message = f"{name} has closed the conversation. Send the message again."
        super().__init__(message, code="upstream_interrupted")
        self.detail = detail


@dataclass(frozen=True, slots=True)
class BackEnd:
    """A chat back end, as its failures name it: the tree's messages say Bing, and this one's name takes its place.

    Shape: `sign_in` is the message for credentials that are no longer taken, "" for the tree's own.
    """

    name: str
    sign_in: str = ""

    def fail(
        self, code: str, detail: str, *, message: str = "", retry_after: float | None = None, param: str | None = None
    ) -> ServiceError:
        """The error of a code, for the caller to raise; `message` replaces the usual one."""
        if not message:
            usual = _CHAT_MESSAGES.get(code, MESSAGES[code]).replace("Bing", self.name)
            message = self.sign_in if code == "cookie_expired" and self.sign_in else usual
        return OWNER[code](message, code=code, detail=detail, retry_after=retry_after, param=param)

    def unexpected(self, reason: str, text: str = "") -> ServiceError:
        """The error for an answer that cannot be read; the log gets the answer's beginning."""
        return self.fail("upstream_protocol_error", f"{reason}: {text[:_DETAIL_CHARACTERS]}" if text else reason)

    def interrupted(self, reason: str) -> ServiceError:
        """The error for an answer that broke off or never came."""
        return self.fail("upstream_interrupted", reason)

    def refuse(self, status: int, headers: Mapping[str, str], what: str) -> ServiceError:
        """What a status in place of an answer or a socket means: 401, 429, 5xx, and all others as a refusal."""
        detail = f"{what} answered with status {status}"
        if status == 401:
            return self.fail("cookie_expired", detail)
        if status == 429:
            return self.fail("throttled", detail, retry_after=parse_retry_after(headers))
        if status >= 500:
            return self.fail("upstream_unreachable", detail, retry_after=parse_retry_after(headers))
        return self.fail("upstream_refused", detail)

    def check(self, status: int, headers: Mapping[str, str], what: str) -> None:
        """Let a good status pass.

        Raises: what `refuse` makes of a refusal; UnexpectedResponseError for any other status.
        """
        if is_refusal(status):
            raise self.refuse(status, headers, what)
        if status not in (200, 201):
            raise self.unexpected(f"{what} answered with status {status}")

    def check_upload(self, status: int, headers: Mapping[str, str]) -> None:
        """As `check`, but any other status than those of a refusal is about the picture.

        Raises: InvalidRequestError image_rejected; UnexpectedResponseError for 404; what `refuse` makes of a refusal.
        """
        if is_refusal(status):
            raise self.refuse(status, headers, "image upload")
        if status == 404:  # nobody there takes pictures: not this one's fault
            raise self.unexpected("image upload answered with status 404")
        if status not in (200, 201):
            raise self.reject_image(f"status {status}")

    def reject_image(self, reason: str) -> ServiceError:
        """The error for a picture that the back end does not keep."""
        return self.fail("image_rejected", f"upload: {reason}", param="messages")

    def read(self, text: str, what: str) -> dict[str, Any]:
        """The JSON object of an answer.

        Raises: UpstreamRefusedError for a page (a region, a login wall, a host that does not know the call),
        UnexpectedResponseError for anything else.
        """
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            if not is_page(text):
                raise self.unexpected(f"{what} answered with what is no JSON", text) from None
            detail = f"{what} answered with a page: {text[:_DETAIL_CHARACTERS]}"
            raise self.fail("upstream_refused", detail) from None
        if not isinstance(answer, dict):
            raise self.unexpected(f"{what} answered with JSON of another shape", text)
        return answer


BING = BackEnd("Bing")


def unexpected(reason: str, text: str = "") -> ServiceError:
    """The error for an answer of Bing's that cannot be read."""
    return BING.unexpected(reason, text)


def interrupted(reason: str) -> ServiceError:
    """The error for an answer of Bing's that broke off or never came."""
    return BING.interrupted(reason)


def parse_result(value: str, message: str, back_end: BackEnd = BING) -> ServiceError:
    """What a `result.value` other than Success means.

    Raises: nothing; the caller raises what it gets. Source: docs/wire/chathub.md, section 6.
    """
    detail = f"{value}: {message[:_DETAIL_CHARACTERS]}"
    if value == "Throttled":
        return back_end.fail("throttled", detail)
    if value == "CaptchaChallenge":
        return back_end.fail("challenge_required", detail)
    if value == "InvalidSession":
        return SessionEndedError(detail, back_end.name)
    if value == "UnauthorizedRequest":
        is_token = "IDX10223" in message or "Lifetime validation failed" in message
        return SessionEndedError(detail, back_end.name) if is_token else back_end.fail("cookie_expired", detail)
    if value == "Forbidden":
        return back_end.fail("account_blocked", detail)
    return back_end.unexpected("unknown result", detail)


def is_refusal(status: int) -> bool:
    """Whether a status is about who asks, from where, or the server's health, and not about what was asked."""
    return status in (401, 403, 429) or status >= 500 or 300 <= status < 400


def is_page(text: str) -> bool:
    """Whether an answer is markup where something else was asked for."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")
