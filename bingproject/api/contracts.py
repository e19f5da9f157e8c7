"""The contracts we speak: what a success looks like, and which status, type and headers a failure has.

Pure: no Django, no DRF. All contracts share one error envelope; docs/contracts.md, "Errors" says where they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bingproject.errors import ServiceError

INVALID, AUTH, REJECTED, LIMIT, API = (
    "invalid_request_error",
    "auth_error",
    "prompt_rejected_error",
    "rate_limit_error",
    "api_error",
)
PROMPT_CODES = ("blocked", "under_review", "unsafe_output", "unsupported_language", "too_vague")

# code → (type, status) where the contracts agree.
SHARED: dict[str, tuple[str, int]] = {
    "invalid_value": (INVALID, 400),
    "unsupported_parameter": (INVALID, 400),
    "context_length_exceeded": (INVALID, 400),
    "image_rejected": (INVALID, 400),
    "image_not_supported": (INVALID, 400),
    "not_found": (INVALID, 404),
    "model_not_found": (INVALID, 404),
    "method_not_allowed": (INVALID, 405),
    "conflict": (INVALID, 409),
    "cancelled": (INVALID, 409),
    "too_large": (INVALID, 413),
    "unsupported_media_type": (INVALID, 415),
    "idempotency_mismatch": (INVALID, 422),
    "invalid_api_key": (AUTH, 401),
    "not_whitelisted": (AUTH, 403),
    "origin_not_allowed": (AUTH, 403),
    **dict.fromkeys(PROMPT_CODES, (REJECTED, 422)),
    "rate_limit_exceeded": (LIMIT, 429),
    "quota_exceeded": (LIMIT, 429),
    "no_boosts": (LIMIT, 429),
    "too_many_running": (LIMIT, 429),
    "throttled": (LIMIT, 429),
    "internal": (API, 500),
    "upstream_unreachable": (API, 502),
    "upstream_protocol_error": (API, 502),
    "upstream_interrupted": (API, 502),
    "submit_outcome_unknown": (API, 502),
    "upstream_overloaded": (API, 503),
    "upstream_refused": (API, 503),
    "challenge_required": (API, 503),
    "account_blocked": (API, 503),
    "cookie_expired": (API, 503),
    "no_account": (API, 503),
    "cookie_not_set": (API, 503),
    "no_worker": (API, 503),
    "timeout": (API, 504),
    "expired": (API, 504),
}

# Seconds, when neither Bing nor a cool-down says how long to wait.
RETRY_AFTER_SECONDS = {
    "no_boosts": 3600,
    "challenge_required": 3600,
    "account_blocked": 3600,
    "cookie_expired": 3600,
    "cookie_not_set": 3600,
    "no_account": 3600,
    "upstream_refused": 3600,
    "quota_exceeded": 3600,
}
DEFAULT_RETRY_AFTER_SECONDS = 30

# A repeat cannot help, or would cost: besides every 4xx but 429.
FINAL_CODES = frozenset(
    {
        "submit_outcome_unknown",
        "cancelled",
        "expired",
        "cookie_not_set",
        "cookie_expired",
        "challenge_required",
        "account_blocked",
        "upstream_refused",
    }
)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A failure as HTTP: `{"error": {"message", "type", "param", "code"}}` with its status and headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Contract:
    """One way of answering: what is particular to it."""

    name: str
    # code → (type, status, code as shown) where this contract differs from SHARED.
    particular: Mapping[str, tuple[str, int, str]] = field(default_factory=dict)
    has_envelope: bool = False
    takes_forms: bool = False
    names_reason: bool = False

    def success(self, payload: dict[str, Any], *, now: datetime | None = None) -> dict[str, Any]:
        """The body of a success: Bing-Create's envelope around the payload, or the payload itself."""
        if not self.has_envelope:
            return payload
        return {"success": True, "data": payload, "timestamp": iso(now or datetime.now(UTC))}

    def error(self, error: ServiceError, *, extra: Mapping[str, Any] | None = None) -> ErrorAnswer:
        """The failure as status, body and headers.

        Shape: `extra` adds keys to the error object, e.g. `{"taskId": "…"}`.
        """
        kind, status, code = self.row(error.code)
        shown: dict[str, Any] = {"message": error.message, "type": kind, "param": error.param, "code": code}
        if self.names_reason and error.code in PROMPT_CODES:
            shown["reason"] = error.code
        return ErrorAnswer(status, {"error": shown | dict(extra or {})}, _headers(error, status))

    def row(self, code: str) -> tuple[str, int, str]:
        """(type, status, code as shown) of a code.

        Raises: KeyError for a code that is not on the closed list.
        """
        return self.particular.get(code) or (*SHARED[code], code)


def _headers(error: ServiceError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    seconds = error.retry_after
    if seconds is None and status in (429, 503):
        seconds = RETRY_AFTER_SECONDS.get(error.code, DEFAULT_RETRY_AFTER_SECONDS)
    if seconds is not None and (status == 429 or status >= 500):
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    if (status < 500 and status != 429) or error.code in FINAL_CODES:
        headers["x-should-retry"] = "false"
    if error.code == "invalid_api_key":
        # HTTP asks for it with every 401 that is about the caller's own credentials; no browser opens a window for it.
        headers["WWW-Authenticate"] = "Bearer"
    return headers


# An account's fault is 401 here only, as the original server has it; elsewhere 401 would blame the caller's own key.
BING_CREATE = Contract(
    "bing_create",
    {"cookie_not_set": (AUTH, 401, "cookie_not_set"), "cookie_expired": (AUTH, 401, "cookie_expired")},
    has_envelope=True,
    takes_forms=True,
)
_NOBODY = {"cookie_not_set": (API, 503, "no_account")}
OPENAI = Contract(
    "openai",
    _NOBODY | dict.fromkeys(PROMPT_CODES, (INVALID, 400, "content_policy_violation")),
    names_reason=True,
)
TWO_CALL = Contract("two_call", _NOBODY, takes_forms=True)

CONTRACTS = (BING_CREATE, OPENAI, TWO_CALL)


def iso(moment: datetime) -> str:
    """`2026-11-23T06:00:00.000Z`: ISO 8601, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
