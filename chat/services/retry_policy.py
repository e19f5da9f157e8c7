"""Decide what a chat turn does after a failed attempt.

Pure: no database, socket, clock or setting. `next_steps` maps the facts of a failed attempt to the steps worth trying,
best first. The caller takes the first one that turns out to be possible (an account is left, the credentials could be
renewed); if none is, the turn ends with the attempt's error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bingproject.errors import (
    AccountError,
    CookieExpiredError,
    InvalidRequestError,
    ServiceError,
    UpstreamError,
    UpstreamUnavailableError,
)
from chat.protocol.failures import SessionEndedError

NOTHING: tuple[NextStep, ...] = ()


class NextStep(Enum):
    """One way to go on. The upstream conversation is replayed wherever another one has to be opened."""

    RENEW_CREDENTIALS = auto()  # then ask the same account
    MARK_ACCOUNT = auto()  # write the error to the account's row; never an attempt of its own
    REPLAY = auto()  # the same account at once: its upstream conversation has ended
    RETRY_REPLAYED = auto()  # the same account after a pause, over another upstream conversation
    RETRY = auto()  # the same account after a pause, over the same upstream conversation
    OTHER_ACCOUNT = auto()  # of any back end that is left, the same one first
    OTHER_BACK_END = auto()  # give this back end up for the rest of the turn


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """What the decision depends on.

    Shape: `has_text`: the caller has seen something of the answer. `has_account`: an account is leased. `has_asked`:
    the question may have gone out. `may_renew`: the account's credentials were refused and not yet renewed in this
    turn. `may_repeat`: the back end allows the same question twice after this error. `is_late`: the turn's time is up.
    `is_spent`, `is_slow`: some kind of exchange has used all, or half, of its time. `is_last`: no other back end is
    left. `was_*`: used up by earlier attempts, over any back end (`was_replayed`) or this one.
    """

    error: ServiceError
    has_text: bool = False
    has_account: bool = True
    has_asked: bool = False
    may_renew: bool = False
    may_repeat: bool = False
    is_late: bool = False
    is_spent: bool = False
    is_slow: bool = False
    is_last: bool = False
    was_replayed: bool = False
    was_retried: bool = False
    was_moved: bool = False


def next_steps(failed: FailedAttempt) -> tuple[NextStep, ...]:
    """Return the steps to try, best first; empty when the turn ends with the error."""
    error = failed.error
    if not failed.has_account:
        return NOTHING  # nobody was asked, so the error is the server's own answer
    if isinstance(error, AccountError):
        return _after_account_error(failed)
    if failed.has_text or failed.is_late:
        return NOTHING
    other = NOTHING if failed.is_last else (NextStep.OTHER_BACK_END,)
    if isinstance(error, InvalidRequestError):
        # Back ends differ in how much they take; once asked, the length was accepted and something else is wrong.
        return other if error.code == "context_length_exceeded" and not failed.has_asked else NOTHING
    if failed.is_spent:
        return NOTHING
    # With half of the time gone, a back end that answers is worth more than a repeat.
    return (other if failed.is_slow else NOTHING) + _after_upstream_error(failed, other)


def _after_account_error(failed: FailedAttempt) -> tuple[NextStep, ...]:
    if failed.has_text or failed.is_late:
        return (NextStep.MARK_ACCOUNT,)
    steps = (NextStep.MARK_ACCOUNT, NextStep.OTHER_ACCOUNT)
    if isinstance(failed.error, CookieExpiredError) and failed.may_renew:
        return (NextStep.RENEW_CREDENTIALS, *steps)
    return steps


def _after_upstream_error(failed: FailedAttempt, other: tuple[NextStep, ...]) -> tuple[NextStep, ...]:
    if isinstance(failed.error, SessionEndedError):
        return NOTHING if failed.was_replayed else (NextStep.REPLAY,)
    if failed.may_repeat and not failed.was_retried:
        if isinstance(failed.error, UpstreamUnavailableError):
            return (NextStep.RETRY,)
        # A server that was reached and refused may have meant the upstream conversation.
        return (NextStep.RETRY_REPLAYED, NextStep.RETRY)
    if not isinstance(failed.error, UpstreamError):
        return NOTHING
    return other if failed.was_moved else (NextStep.OTHER_ACCOUNT,)
