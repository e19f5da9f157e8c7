"""Which accounts wait for an operator."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState
from accounts.services.attention import accounts_in_need, count_accounts, resting_capabilities
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_accounts_that_bing_does_not_take_are_in_need() -> None:
    """Not those that are well, new, or switched off; the newest trouble first."""
    make_account("well")
    make_account("new", state=AccountState.UNCHECKED)
    make_account("off", state=AccountState.BLOCKED, is_enabled=False)
    expired = make_account("expired", state=AccountState.EXPIRED)
    challenged = make_account("challenged", state=AccountState.CHALLENGED)
    assert list(accounts_in_need()) == [challenged, expired]
    assert count_accounts() == 4


def test_what_rests_is_told_of_accounts_that_are_well() -> None:
    """The first to be back first; a rest that is over, or of a capability that is never used, is none."""
    later, soon, over, never, ill = (make_account(name) for name in ("later", "soon", "over", "never", "ill"))
    set_capability(later, "image", cooldown_until=NOW + timedelta(hours=2))
    set_capability(soon, "chat", cooldown_until=NOW + timedelta(hours=1))
    set_capability(over, "chat", cooldown_until=NOW - timedelta(hours=1))
    set_capability(never, "chat", cooldown_until=NOW + timedelta(hours=1), limit=0)
    set_capability(ill, "chat", cooldown_until=NOW + timedelta(hours=1))
    ill.mark(AccountState.EXPIRED, "", NOW)
    assert [rest.account for rest in resting_capabilities(NOW, 5)] == [soon, later]
    assert len(resting_capabilities(NOW, 1)) == 1
