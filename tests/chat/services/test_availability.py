"""Why no account can chat, and whether another one can."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState, Capability
from chat.services.availability import expected_start, has_account, usable_back_ends, why_no_account
from chat.services.wait_queue import Waiter
from tests.factories import make_account, make_token_account, set_capability

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


def test_of_several_back_ends_the_one_that_is_back_first_is_told_of() -> None:
    """In its own name; only when none of them merely rests, what an operator must mend."""
    now = timezone.now()
    make_account(state=AccountState.EXPIRED)
    names = ["bing", "m365", "copilot"]
    assert why_no_account(names, now).code == "cookie_expired"
    set_capability(make_token_account("copilot"), "copilot", cooldown_until=now + timedelta(minutes=5))
    resting = why_no_account(names, now)
    assert (resting.code, resting.retry_after) == ("throttled", 300)
    assert "Copilot" in resting.message
    assert usable_back_ends(now) == set()
    make_token_account("m365")
    assert usable_back_ends(now) == {"m365"}


def test_who_has_others_ahead_begins_later() -> None:
    """Each account takes them one after the other at its pace; where one has none, as soon as there is room."""
    now = timezone.now()
    for _ in range(2):
        set_capability(make_token_account("copilot"), "copilot", per_minute=6, paced_until=now + timedelta(seconds=10))
    anybody = Waiter("copilot")
    assert expected_start("copilot", anybody, [], now) == now + timedelta(seconds=10)
    assert expected_start("copilot", anybody, [anybody] * 3, now) == now + timedelta(seconds=20)
    make_token_account("m365")
    assert expected_start("m365", anybody, [anybody] * 3, now) == now
    assert expected_start("bing", anybody, [], now) == now


def test_only_who_wants_the_same_accounts_is_ahead() -> None:
    """Who is bound to one account waits for its pace; those who are bound to another one are in nobody's way here."""
    now = timezone.now()
    slow, quick = make_token_account("copilot"), make_token_account("copilot")
    set_capability(slow, "copilot", per_minute=6, paced_until=now + timedelta(seconds=40))
    set_capability(quick, "copilot", per_minute=6, burst=1)
    to_slow, to_quick = Waiter("copilot", only=slow.pk), Waiter("copilot", only=quick.pk)
    not_quick, anybody = Waiter("copilot", excluded={quick.pk}), Waiter("copilot")
    assert expected_start("copilot", to_slow, [], now) == now + timedelta(seconds=40)
    assert expected_start("copilot", not_quick, [to_quick], now) == now + timedelta(seconds=40)
    assert expected_start("copilot", not_quick, [to_slow], now) == now + timedelta(seconds=50)
    for waiting in (to_quick, anybody):
        assert expected_start("copilot", waiting, [to_slow] * 15, now) == now
    assert expected_start("copilot", anybody, [to_quick, anybody], now) == now + timedelta(seconds=20)
