"""What a turn does after a failed attempt, as a table: no database, no socket."""

from __future__ import annotations

from typing import Any

import pytest

from bingproject.errors import (
    AccountBlockedError,
    AccountThrottledError,
    ConflictError,
    CookieExpiredError,
    InvalidRequestError,
    NoAccountError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from chat.protocol.failures import SessionEndedError
from chat.services.retry_policy import FailedAttempt, NextStep, next_steps

RENEW, MARK, REPLAY = NextStep.RENEW_CREDENTIALS, NextStep.MARK_ACCOUNT, NextStep.REPLAY
RETRY_REPLAYED, RETRY = NextStep.RETRY_REPLAYED, NextStep.RETRY
ACCOUNT, BACK_END = NextStep.OTHER_ACCOUNT, NextStep.OTHER_BACK_END

EXPIRED, BLOCKED, THROTTLED = CookieExpiredError(), AccountBlockedError(), AccountThrottledError()
UNAVAILABLE, REFUSED, UNREADABLE = UpstreamUnavailableError(), UpstreamRefusedError(), UnexpectedResponseError()
TIMEOUT, ENDED = UpstreamTimeoutError(), SessionEndedError("gone")
TOO_LONG, INVALID = InvalidRequestError(code="context_length_exceeded"), InvalidRequestError()
OTHERS = (EXPIRED, BLOCKED, THROTTLED, UNAVAILABLE, REFUSED, UNREADABLE, TIMEOUT, ENDED, TOO_LONG, INVALID)

TABLE: list[tuple[ServiceError, dict[str, Any], tuple[NextStep, ...]]] = [
    # the account's errors: renewed once if credentials were refused, else written down and another one asked
    (EXPIRED, {"may_renew": True}, (RENEW, MARK, ACCOUNT)),
    (EXPIRED, {}, (MARK, ACCOUNT)),
    (BLOCKED, {"may_renew": True}, (MARK, ACCOUNT)),
    (THROTTLED, {}, (MARK, ACCOUNT)),
    (THROTTLED, {"is_spent": True, "is_slow": True}, (MARK, ACCOUNT)),
    (EXPIRED, {"may_renew": True, "is_late": True}, (MARK,)),
    (EXPIRED, {"may_renew": True, "has_text": True}, (MARK,)),
    # errors of the request: only what may fit elsewhere goes on
    (TOO_LONG, {}, (BACK_END,)),
    (TOO_LONG, {"is_spent": True}, (BACK_END,)),
    (TOO_LONG, {"is_last": True}, ()),
    (TOO_LONG, {"has_asked": True}, ()),
    (INVALID, {}, ()),
    (ConflictError(), {}, ()),
    # the upstream conversation ended: replayed once
    (ENDED, {}, (REPLAY,)),
    (ENDED, {"has_asked": True}, (REPLAY,)),
    (ENDED, {"was_replayed": True}, ()),
    (ENDED, {"is_slow": True}, (BACK_END, REPLAY)),
    # a passing failure: the same account once, then another one, then another back end
    (UNAVAILABLE, {"may_repeat": True}, (RETRY,)),
    (REFUSED, {"may_repeat": True}, (RETRY_REPLAYED, RETRY)),
    (UNREADABLE, {"may_repeat": True}, (RETRY_REPLAYED, RETRY)),
    (UNAVAILABLE, {}, (ACCOUNT,)),
    (TIMEOUT, {}, (ACCOUNT,)),
    (UNAVAILABLE, {"may_repeat": True, "was_retried": True}, (ACCOUNT,)),
    (UNAVAILABLE, {"may_repeat": True, "was_retried": True, "was_moved": True}, (BACK_END,)),
    (UNAVAILABLE, {"may_repeat": True, "was_moved": True}, (RETRY,)),
    (UNAVAILABLE, {"was_moved": True, "is_last": True}, ()),
    # half of an exchange's time is gone: another back end first
    (UNAVAILABLE, {"may_repeat": True, "is_slow": True}, (BACK_END, RETRY)),
    (UNAVAILABLE, {"may_repeat": True, "is_slow": True, "is_last": True}, (RETRY,)),
    (UNAVAILABLE, {"may_repeat": True, "is_slow": True, "is_spent": True}, ()),
    (TIMEOUT, {"is_slow": True}, (BACK_END, ACCOUNT)),
]


@pytest.mark.parametrize(
    ("error", "facts", "steps"), TABLE, ids=[f"{type(row[0]).__name__}-{'-'.join(row[1])}" for row in TABLE]
)
def test_the_table(error: ServiceError, facts: dict[str, Any], steps: tuple[NextStep, ...]) -> None:
    """Each row: an error, what else is known, and the steps in their order."""
    assert next_steps(FailedAttempt(error, **facts)) == steps


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("fact", ["has_text", "is_late"])
def test_nothing_is_asked_again_after_the_first_word_or_the_end_of_the_time(error: ServiceError, fact: str) -> None:
    """The account's row learns of it at most."""
    steps = next_steps(FailedAttempt(error, may_renew=True, may_repeat=True, is_slow=True, **{fact: True}))
    assert set(steps) <= {MARK}


@pytest.mark.parametrize("error", [*OTHERS, NoAccountError()], ids=lambda error: type(error).__name__)
def test_without_an_account_nothing_can_be_tried_again(error: ServiceError) -> None:
    """The wait for one has been long enough already, and there is nobody to mark."""
    assert next_steps(FailedAttempt(error, has_account=False, may_renew=True, may_repeat=True)) == ()
