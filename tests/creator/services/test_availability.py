"""Why no account can take a task: the cause that an operator should fix first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState
from bingproject.errors import AccountThrottledError
from creator.services.availability import has_expired, refuse_if_unservable, why_unusable
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
def test_the_cause_that_is_easiest_to_fix_is_named(states: list[AccountState], code: str | None) -> None:
    """One usable account is enough; otherwise an expired cookie is reported first."""
    for state in states:
        make_account(state=state)
    error = why_unusable("image")
    assert (error.code if error else None) == code


def test_disabled_accounts_are_no_account_but_set_cookies() -> None:
    """With every account disabled the code is no_account, not cookie_not_set."""
    make_account(is_enabled=False)
    error = why_unusable("image")
    assert error is not None
    assert error.code == "no_account"


def test_an_expired_account_does_not_refuse_the_request() -> None:
    """The request is accepted, because the runner checks the account again."""
    make_account(state=AccountState.EXPIRED)
    assert has_expired("image")
    refuse_if_unservable("image", timezone.now(), 0)


def test_the_shortest_cooldown_counts() -> None:
    """Of two accounts in a cooldown the shorter one counts; a ready account makes it 0."""
    now = timezone.now()
    for seconds in (60, 20):
        set_capability(make_account(), "image", cooldown_until=now + timedelta(seconds=seconds))
    refuse_if_unservable("image", now, 20.5)
    with pytest.raises(AccountThrottledError):
        refuse_if_unservable("image", now, 19)
    make_account()
    refuse_if_unservable("image", now, 0)
