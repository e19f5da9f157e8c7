"""Why no account can chat, and whether another one can."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState, Capability
from chat.services.availability import has_account, why_no_account
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db


def test_why_no_account_can_chat() -> None:
    """The nearest to be mended first: one that rests, then what an operator must mend; without any, none."""
    now = timezone.now()
    assert why_no_account(["bing"], now).code == "no_account"
    for state, code in (
        (AccountState.BLOCKED, "account_blocked"),
        (AccountState.CHALLENGED, "challenge_required"),
        (AccountState.EXPIRED, "cookie_expired"),
    ):
        make_account(state=state)
        assert why_no_account(["bing"], now).code == code
    for minutes in (20, 10):
        set_capability(make_account(), Capability.CHAT, cooldown_until=now + timedelta(minutes=minutes))
    resting = why_no_account(["bing"], now)
    assert (resting.code, resting.retry_after) == ("throttled", 600)


def test_another_account_is_one_that_has_not_failed_and_may_chat() -> None:
    """The one that failed does not count, nor one that rests or is out of order."""
    failed = make_account()
    set_capability(make_account(), Capability.CHAT, cooldown_until=timezone.now() + timedelta(minutes=1))
    make_account(state=AccountState.EXPIRED)
    assert not has_account("bing", {failed.pk})
    make_account()
    assert has_account("bing", {failed.pk})
