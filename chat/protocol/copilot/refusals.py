"""Turn Copilot's refusals into errors: statuses, pages, challenges, error codes.

A challenge is recognised and reported to the operator. Nothing here answers one.
Source: docs/wire/copilot.md, sections 1.6 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bingproject.errors import ServiceError
from bingproject.upstream.response_headers import find_header
from chat.protocol.failures import ErrorFactory, is_page, is_refusal

COPILOT_ERRORS = ErrorFactory(
    "Copilot",
    "Copilot no longer accepts the account's credentials. The operator must paste a new access token and cookies.",
)
# Both may come in any status: Cloudflare's documented sign of a challenge page, and the text for a region not served.
_CLOUDFLARE_HEADER = "cf-mitigated"
_REGION_WORDS = "not available in your region"
_CLEARANCE_MESSAGE = (
    "Copilot requires a browser check (Cloudflare). The operator must open copilot.microsoft.com in the browser whose "
    "User-Agent the account has, from the same network, and paste its cookies again."
)
_CHALLENGE_MESSAGE = (
    "Copilot requires a human to pass a check. The operator must chat once on copilot.microsoft.com as this account, "
    "and paste its cookies again."
)
# With these methods Cloudflare's clearance is stale (row 22). With any other, the account needs a check (row 23).
_CLEARANCE_METHODS = (None, "cloudflare")
_TOO_LONG_MESSAGE = (
    "Copilot did not accept a text of {} characters: this model's maximum context length is exceeded. "
    "Shorten what you send, or start a new chat."
)
# The three codes that are known. Any other one is a protocol error.
_CODES = {
    "invalid-event": "upstream_protocol_error",
    "chat-service-unavailable": "upstream_refused",
    "text-too-long": "context_length_exceeded",
}


def parse_refusal(status: int, headers: Mapping[str, str], text: str, what: str) -> ServiceError | None:
    """Return the error if an HTTP response is about the account, the network or the region; else None.

    Args:
        status: The response's status.
        headers: Its headers.
        text: Its body, or the beginning of it. "" if the client has none.
        what: The call, for the log.
    """
    if _REGION_WORDS in text.casefold():
        return COPILOT_ERRORS.build("upstream_refused", f"{what} answered with status {status}: not in this region")
    is_html = "text/html" in find_header(headers, "content-type").lower() or is_page(text)
    if find_header(headers, _CLOUDFLARE_HEADER) == "challenge" or (status == 403 and is_html):
        return COPILOT_ERRORS.build(
            "challenge_required", f"{what} answered with status {status} and a page", message=_CLEARANCE_MESSAGE
        )
    return COPILOT_ERRORS.from_status(status, headers, what) if is_refusal(status) else None


def parse_challenge(method: Any) -> ServiceError:
    """Return the error for a challenge: it asks for a new clearance, or for a human on the site."""
    message = _CLEARANCE_MESSAGE if method in _CLEARANCE_METHODS else _CHALLENGE_MESSAGE
    return COPILOT_ERRORS.build("challenge_required", f"challenge {str(method)[:100]}", message=message)


def parse_error(error_code: Any, size: int) -> ServiceError:
    """Return the error that an error event means. It has a code and no text.

    Args:
        error_code: The event's `errorCode`.
        size: The characters of the question, for the message about a text that is too long.
    """
    code = _CODES.get(error_code, "") if isinstance(error_code, str) else ""
    if code == "context_length_exceeded":
        return COPILOT_ERRORS.build(
            code, f"error {error_code}", message=_TOO_LONG_MESSAGE.format(size), param="messages"
        )
    return COPILOT_ERRORS.build(code or "upstream_protocol_error", f"error {str(error_code)[:100]}")
