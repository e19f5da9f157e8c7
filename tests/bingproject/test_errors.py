"""The exception tree: every code has one owner, a message that stands alone, and comes back to life from a row."""

from __future__ import annotations

import pytest

from bingproject import errors
from bingproject.errors import MESSAGES, OWNER, PromptRejectedError, ServiceError, by_code

# docs/contracts.md, "Errors": all there are.
CODES = [
    "internal",
    "no_worker",
    "server_busy",
    "stopping",
    "unavailable",
    "invalid_value",
    "not_found",
    "method_not_allowed",
    "conflict",
    "cancelled",
    "request_timeout",
    "too_large",
    "unsupported_media_type",
    "unsupported_parameter",
    "idempotency_mismatch",
    "context_length_exceeded",
    "model_not_found",
    "image_rejected",
    "image_not_supported",
    "invalid_api_key",
    "not_whitelisted",
    "origin_not_allowed",
    "cookie_not_set",
    "cookie_expired",
    "blocked",
    "under_review",
    "unsafe_output",
    "unsupported_language",
    "too_vague",
    "rate_limit_exceeded",
    "quota_exceeded",
    "no_boosts",
    "too_many_running",
    "throttled",
    "upstream_unreachable",
    "upstream_protocol_error",
    "upstream_interrupted",
    "submit_outcome_unknown",
    "upstream_overloaded",
    "upstream_refused",
    "challenge_required",
    "account_blocked",
    "no_account",
    "timeout",
    "expired",
]


def test_the_codes_are_those_of_the_contract() -> None:
    """None is missing, none is new."""
    assert sorted(OWNER) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_one_owner_and_a_message_that_stands_alone(code: str) -> None:
    """Some clients show nothing but the message: it is a sentence, and holds no address."""
    owners = [cls for cls in vars(errors).values() if isinstance(cls, type) and code in vars(cls).get("codes", ())]
    assert owners == [OWNER[code]]
    assert MESSAGES[code].endswith((".", "'."))
    assert "http" not in MESSAGES[code]


@pytest.mark.parametrize("code", CODES)
def test_a_stored_failure_comes_back_to_life(code: str) -> None:
    """Its class, code, message and hint are those that were stored; without a message the usual one."""
    error = by_code(code, "what was stored", 12.0)
    assert (type(error), error.code, error.message, error.retry_after) == (OWNER[code], code, "what was stored", 12.0)
    assert by_code(code).message == MESSAGES[code]
    assert str(by_code(code)) == MESSAGES[code]


def test_a_class_takes_only_its_own_codes() -> None:
    """A wrong pairing is a bug of ours and says so at once."""
    with pytest.raises(ValueError, match="PromptRejectedError does not own the code 'throttled'"):
        PromptRejectedError(code="throttled")


def test_a_code_nobody_owns_is_no_error_of_ours() -> None:
    """A row that names an unknown code is not guessed at."""
    with pytest.raises(KeyError):
        by_code("upstream_captcha_required")


def test_the_first_code_of_a_class_is_its_usual_one() -> None:
    """Raised without a code, a class means its first."""
    for cls in set(OWNER.values()):
        assert cls().code == cls.codes[0]
    assert issubclass(OWNER["blocked"], ServiceError)
