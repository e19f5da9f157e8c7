"""Why no account can take a task: the cause an operator should hear first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState
from bingproject.errors import AccountThrottledError
from creator.services.availability import has_expired, refuse_if_hopeless, resting_seconds, why_unusable
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], "cookie_not_set"),
        ([AccountState.CHALLENGED], "challenge_required"),
        ([AccountState.BLOCKED], "account_blocked"),
        ([AccountState.EXPIRED], "cookie_expired"),
        ([AccountState.BLOCKED, AccountState.EXPIRED, AccountState.CHALLENGED], "cookie_expired"),
        ([AccountState.BLOCKED, AccountState.OK], None),
        ([AccountState.UNCHECKED], None),
    ],
)
def test_the_nearest_to_be_mended_is_named(states: list[AccountState], code: str | None) -> None:
    """One usable account is enough; otherwise the cause that a new cookie mends goes first."""
    for state in states:
        make_account(state=state)
    error = why_unusable("image")
    assert (error.code if error else None) == code


def test_a_disabled_account_is_no_account_but_a_set_cookie() -> None:
    """With every account switched off the answer is no_account, not cookie_not_set."""
    make_account(is_enabled=False)
    error = why_unusable("image")
    assert error is not None
    assert error.code == "no_account"


def test_an_expired_account_is_given_another_look_before_refusing() -> None:
    """The request is let in: the runner checks the account again."""
    make_account(state=AccountState.EXPIRED)
    assert has_expired("image")
    refuse_if_hopeless("image", timezone.now(), 0)


def test_the_first_account_to_come_back_decides() -> None:
    """Two resting accounts: the shorter rest counts; one that is ready ends the rest."""
    now = timezone.now()
    for seconds in (60, 20):
        set_capability(make_account(), "image", cooldown_until=now + timedelta(seconds=seconds))
    assert resting_seconds("image", now) == pytest.approx(20)
    refuse_if_hopeless("image", now, 20.5)
    with pytest.raises(AccountThrottledError):
        refuse_if_hopeless("image", now, 19)
    make_account()
    assert resting_seconds("image", now) == 0
