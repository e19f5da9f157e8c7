"""How Copilot says no: statuses and pages in place of an answer, challenges, error codes.

A challenge is recognised and told to the operator; nothing here answers one.
Source: docs/wire/copilot.md, sections 1.6 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bingproject.errors import ServiceError
from bingproject.response_headers import find_header
from chat.protocol.failures import BackEnd, is_page, is_refusal

COPILOT = BackEnd(
    "Copilot",
    "Copilot no longer takes the account's credentials. The operator must paste a new access token and cookies.",
)
# Cloudflare's own sign of a challenge page, and the words of a region that is not served; both in any status.
_CLOUDFLARE_HEADER = "cf-mitigated"
_REGION_WORDS = "not available in your region"
_CLEARANCE_MESSAGE = (
    "Copilot wants a browser check (Cloudflare). The operator must open copilot.microsoft.com in the browser whose "
    "User-Agent the account has, from the same network, and paste its cookies again."
)
_CHALLENGE_MESSAGE = (
    "Copilot wants a human to pass a check. The operator must chat once on copilot.microsoft.com as this account, "
    "and paste its cookies again."
)
# `null` and "cloudflare" mean that the clearance is stale; every other method is a check of the account.
_CLEARANCE_METHODS = (None, "cloudflare")
_TOO_LONG_MESSAGE = "Copilot did not take so long a text: this model's maximum context length is exceeded. Shorten it."
# Only these three codes are known; any other one is a protocol error.
_CODES = {
    "invalid-event": "upstream_protocol_error",
    "chat-service-unavailable": "upstream_refused",
    "text-too-long": "context_length_exceeded",
}


def parse_refusal(status: int, headers: Mapping[str, str], text: str, what: str) -> ServiceError | None:
    """What an HTTP answer means if it is about who asks and from where; None for any other answer.

    Shape: `text` may be only the answer's beginning, or "" where the client has none.
    """
    if _REGION_WORDS in text.casefold():
        return COPILOT.fail("upstream_refused", f"{what} answered with status {status}: not in this region")
    is_html = "text/html" in find_header(headers, "content-type").lower() or is_page(text)
    if find_header(headers, _CLOUDFLARE_HEADER) == "challenge" or (status == 403 and is_html):
        return COPILOT.fail(
            "challenge_required", f"{what} answered with status {status} and a page", message=_CLEARANCE_MESSAGE
        )
    return COPILOT.refuse(status, headers, what) if is_refusal(status) else None


def parse_challenge(method: Any) -> ServiceError:
    """What a challenge asks for: a fresh clearance, or a human on the site."""
    message = _CLEARANCE_MESSAGE if method in _CLEARANCE_METHODS else _CHALLENGE_MESSAGE
    return COPILOT.fail("challenge_required", f"challenge {str(method)[:100]}", message=message)


def parse_error(error_code: Any) -> ServiceError:
    """What an error event means; it has a code and no words."""
    code = _CODES.get(error_code, "") if isinstance(error_code, str) else ""
    if code == "context_length_exceeded":
        return COPILOT.fail(code, f"error {error_code}", message=_TOO_LONG_MESSAGE, param="messages")
    return COPILOT.fail(code or "upstream_protocol_error", f"error {str(error_code)[:100]}")
