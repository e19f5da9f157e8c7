"""Which accounts wait for an operator."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.microsoft.services.needs_action import accounts_in_need, cooling_capabilities, count_accounts
from accounts.models import AccountState
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_accounts_in_an_unusable_state_need_an_operator() -> None:
    """Not usable, new or disabled ones; the most recent change first."""
    make_account("well")
    make_account("new", state=AccountState.UNCHECKED)
    make_account("off", state=AccountState.BLOCKED, is_enabled=False)
    expired = make_account("expired", state=AccountState.EXPIRED)
    challenged = make_account("challenged", state=AccountState.CHALLENGED)
    assert list(accounts_in_need()) == [challenged, expired]
    assert count_accounts() == 4


def test_cooldowns_of_usable_accounts_are_listed() -> None:
    """The first to end first, without those that have ended or have limit 0."""
    later, soon, over, never, ill = (make_account(name) for name in ("later", "soon", "over", "never", "ill"))
    set_capability(later, "image", cooldown_until=NOW + timedelta(hours=2))
    set_capability(soon, "chat", cooldown_until=NOW + timedelta(hours=1))
    set_capability(over, "chat", cooldown_until=NOW - timedelta(hours=1))
    set_capability(never, "chat", cooldown_until=NOW + timedelta(hours=1), limit=0)
    set_capability(ill, "chat", cooldown_until=NOW + timedelta(hours=1))
    ill.mark(AccountState.EXPIRED, "", NOW)
    assert [rest.account for rest in cooling_capabilities(NOW, 5)] == [soon, later]
    assert len(cooling_capabilities(NOW, 1)) == 1
