"""The contracts of the API: the body of a success, and the status, type and headers of a failure.

Pure: no Django, no DRF. All contracts share one error format; docs/contracts.md, "Errors" says where they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from bingproject.conf.timestamps import iso
from bingproject.errors import ServiceError

T = TypeVar("T")
# ISO 8601 with milliseconds, UTC: `conf.timestamps.iso`.
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

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
    "request_timeout": (INVALID, 408),
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
    "server_busy": (API, 503),
    "stopping": (API, 503),
    "unavailable": (API, 503),
    "timeout": (API, 504),
    "expired": (API, 504),
}

# Seconds to wait if neither Microsoft nor a cooldown gives a time.
RETRY_AFTER_SECONDS = {
    # A restart, or a failover of the database, takes seconds.
    "stopping": 10,
    "unavailable": 10,
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
LONGEST_RETRY_AFTER_SECONDS = 86_400
# The longest Retry-After that all SDKs respect: above it OpenAI's for Node retries twice within two seconds, OpenAI's
# for Python gives up above 120 s, and Anthropic's would sleep for a day. Reported 2026-11-30.
SDK_PATIENCE_SECONDS = 60

# Codes, besides every 4xx except 429, after which a repeat cannot help or would cost.
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


class Envelope(Struct, Generic[T], frozen=True):
    """What Bing-Create puts around each success."""

    success: Literal[True]
    data: T
    timestamp: Timestamp


class ErrorDetail(Struct, frozen=True):
    """What went wrong and what to do next."""

    message: str
    type: str
    param: Annotated[str | None, Meta(description="The field at fault.")]
    code: str
    reason: Annotated[str | UnsetType, Meta(description="With content_policy_violation: this server's own code.")] = (
        UNSET
    )
    taskId: Annotated[str | UnsetType, Meta(description="The task that this is about.")] = UNSET  # noqa: N815


class ErrorBody(Struct, frozen=True):
    """Every error looks like this."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A failure as HTTP."""

    status: int
    body: ErrorBody
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Contract:
    """One API's success body and its table of errors."""

    name: str
    # code → (type, status, code as shown) where this contract differs from SHARED.
    particular: Mapping[str, tuple[str, int, str]] = field(default_factory=dict)
    has_envelope: bool = False
    takes_forms: bool = False
    names_reason: bool = False

    def success(self, payload: T, *, now: datetime | None = None) -> T | Envelope[T]:
        """Return the body of a success: the payload, in Bing-Create's envelope if the contract has it."""
        if not self.has_envelope:
            return payload
        return Envelope(True, payload, iso(now or datetime.now(UTC)))

    def error(self, error: ServiceError, *, task_id: str = "") -> ErrorAnswer:
        """Return a failure as status, body and headers.

        Args:
            error: The failure.
            task_id: The id of the task that it is about, if there is one.
        """
        kind, status, code = self.row(error.code)
        reason = error.code if self.names_reason and error.code in PROMPT_CODES else UNSET
        detail = ErrorDetail(error.message, kind, error.param, code, reason, task_id or UNSET)
        return ErrorAnswer(status, ErrorBody(detail), _headers(error, status))

    def row(self, code: str) -> tuple[str, int, str]:
        """Return (type, status, code as shown) of a code.

        Raises:
            KeyError: The code is not on the closed list.
        """
        return self.particular.get(code) or (*SHARED[code], code)


def _headers(error: ServiceError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    seconds = error.retry_after
    if seconds is None and status in (429, 503):
        seconds = RETRY_AFTER_SECONDS.get(error.code, DEFAULT_RETRY_AFTER_SECONDS)
    is_too_long = False
    if seconds is not None and (status == 429 or status >= 500):
        seconds = min(seconds, LONGEST_RETRY_AFTER_SECONDS)
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        is_too_long = seconds > SDK_PATIENCE_SECONDS
    if (status < 500 and status != 429) or error.code in FINAL_CODES or is_too_long:
        headers["x-should-retry"] = "false"
    if error.code == "invalid_api_key":
        # RFC 9110 requires it with a 401; browsers open no log-in window for `Bearer`.
        headers["WWW-Authenticate"] = "Bearer"
    return headers


# Only here is an account's fault 401, as in the original server; elsewhere 401 would blame the caller's key.
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
