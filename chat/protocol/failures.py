"""Turn the failures of a chat back end into errors: statuses, pages, results, and the name in the messages.

Source: the sections "What can go wrong" of the pages in docs/wire/, whose rows name the error codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bingproject.errors import MESSAGES, OWNER, ServiceError, UnexpectedResponseError
from bingproject.upstream.response_headers import parse_retry_after

_DETAIL_CHARACTERS = 500  # enough of a response to recognise it in the log
# The usual messages for these codes speak of tasks and creations; a chat's caller has to send the message again.
_CHAT_MESSAGES = {
    "too_many_running": "Bing's accounts here are all busy. Send the message again after the time in Retry-After.",
    "upstream_interrupted": "Bing stopped answering before the answer was complete. Send the message again.",
    "timeout": "Bing did not answer in time. Send the message again.",
}


class SessionEndedError(UnexpectedResponseError):
    """The upstream conversation takes no further turn.

    The services catch it and replay the history in a new conversation. Callers see it only if that fails too.
    """

    def __init__(self, detail: str, name: str = "Bing") -> None:
        message = f"{name} has closed the conversation. Send the message again."
        super().__init__(message, code="upstream_interrupted")
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ErrorFactory:
    """Build one back end's errors. The usual messages say "Bing", which `display_name` replaces.

    Attributes:
        display_name: The back end's name in messages.
        sign_in: The message for `cookie_expired`. "" for the usual one, which explains Bing's cookies.
    """

    display_name: str
    sign_in: str = ""

    def build(
        self, code: str, detail: str, *, message: str = "", retry_after: float | None = None, param: str | None = None
    ) -> ServiceError:
        """Return the error of a code, for the caller to raise.

        Args:
            code: A key of `bingproject.errors.OWNER`.
            detail: For the log; callers never see it.
            message: Replaces the code's usual message.
            retry_after: Seconds.
            param: The request field at fault.
        """
        if not message:
            usual = _CHAT_MESSAGES.get(code, MESSAGES[code]).replace("Bing", self.display_name)
            message = self.sign_in if code == "cookie_expired" and self.sign_in else usual
        return OWNER[code](message, code=code, detail=detail, retry_after=retry_after, param=param)

    def unexpected(self, reason: str, text: str = "") -> ServiceError:
        """Return the error for a response that cannot be understood. `text` is the response, cut for the log."""
        return self.build("upstream_protocol_error", f"{reason}: {text[:_DETAIL_CHARACTERS]}" if text else reason)

    def interrupted(self, reason: str) -> ServiceError:
        """Return the error for an answer that ended early or never came."""
        return self.build("upstream_interrupted", reason)

    def from_status(self, status: int, headers: Mapping[str, str], what: str) -> ServiceError:
        """Return the error for an HTTP status that came instead of the response or the socket.

        401, 429 and 5xx have codes of their own; any other status is `upstream_refused`.
        """
        detail = f"{what} answered with status {status}"
        if status == 401:
            return self.build("cookie_expired", detail)
        if status == 429:
            return self.build("throttled", detail, retry_after=parse_retry_after(headers))
        # A 503 may have a Retry-After as well.
        if status >= 500:
            return self.build("upstream_unreachable", detail, retry_after=parse_retry_after(headers))
        return self.build("upstream_refused", detail)

    def check(self, status: int, headers: Mapping[str, str], what: str) -> None:
        """Accept 200 and 201.

        Raises:
            ServiceError: As `from_status`, if the status is a refusal.
            UnexpectedResponseError: Any other status.
        """
        if is_refusal(status):
            raise self.from_status(status, headers, what)
        if status not in (200, 201):
            raise self.unexpected(f"{what} answered with status {status}")

    def check_upload(self, status: int, headers: Mapping[str, str]) -> None:
        """Accept 200 and 201 of an upload.

        Raises:
            ServiceError: As `from_status`, if the status is a refusal.
            UnexpectedResponseError: 404.
            InvalidRequestError: `image_rejected` for any other status, which is then about the picture.
        """
        if is_refusal(status):
            raise self.from_status(status, headers, "image upload")
        if status == 404:  # the address takes no uploads at all, so the picture is not at fault
            raise self.unexpected("image upload answered with status 404")
        if status not in (200, 201):
            raise self.image_rejected(f"status {status}")

    def image_rejected(self, reason: str) -> ServiceError:
        """Return the error for a picture that the back end does not accept."""
        return self.build("image_rejected", f"upload: {reason}", param="messages")

    def read_object(self, text: str, what: str) -> dict[str, Any]:
        """Return the JSON object of a response body.

        Raises:
            UpstreamRefusedError: The body is a page: a region, a login wall, or a host that does not know the call.
            UnexpectedResponseError: It is anything else.
        """
        try:
            response = json.loads(text)
        except (ValueError, RecursionError):
            if not is_page(text):
                raise self.unexpected(f"{what} did not answer with JSON", text) from None
            detail = f"{what} answered with a page: {text[:_DETAIL_CHARACTERS]}"
            raise self.build("upstream_refused", detail) from None
        if not isinstance(response, dict):
            raise self.unexpected(f"{what} answered with JSON of another shape", text)
        return response


BING_ERRORS = ErrorFactory("Bing")


def parse_result(value: str, message: str, errors: ErrorFactory = BING_ERRORS) -> ServiceError:
    """Return the error that a `result.value` other than Success means, for the caller to raise.

    Source: docs/wire/chathub.md, section 6.
    """
    detail = f"{value}: {message[:_DETAIL_CHARACTERS]}"
    if value == "Throttled":
        return errors.build("throttled", detail)
    if value == "CaptchaChallenge":
        return errors.build("challenge_required", detail)
    if value == "InvalidSession":
        return SessionEndedError(detail, errors.display_name)
    if value == "UnauthorizedRequest":
        # The conversation's token ran out, not the account's sign-in: row 12 of that section.
        is_token = "IDX10223" in message or "Lifetime validation failed" in message
        return SessionEndedError(detail, errors.display_name) if is_token else errors.build("cookie_expired", detail)
    if value == "Forbidden":
        return errors.build("account_blocked", detail)
    return errors.unexpected("unknown result", detail)


def is_refusal(status: int) -> bool:
    """True if a status is about the account, the network or the server, and not about the request's content."""
    # A redirect leads to a login or a region page, so it is a refusal too.
    return status in (401, 403, 429) or status >= 500 or 300 <= status < 400


def is_page(text: str) -> bool:
    """True if a response body is markup."""
    # A byte-order mark may precede the markup.
    return text.lstrip("\ufeff \t\r\n").startswith("<")
