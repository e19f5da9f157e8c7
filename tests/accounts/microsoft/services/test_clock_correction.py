"""A clock that ran ahead: leases, paces and cooldowns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.microsoft.leases import LEASE_SECONDS
from accounts.microsoft.services.clock_correction import pull_back
from accounts.microsoft.services.outcomes import apply_error
from accounts.models import Account, AccountCapability, Capability, Lease
from bingproject.errors import AccountThrottledError
from tests.factories import set_capability

pytestmark = pytest.mark.django_db


def test_leases_and_paces_end_in_time(account: Account) -> None:
    """A dead process's lease expires as usual, and no turn waits for two hours; correct values stay."""
    now = timezone.now()
    right = now + timedelta(seconds=LEASE_SECONDS)
    for number, until in enumerate((now + timedelta(hours=2), right)):
        Lease.objects.create(account=account, capability="chat", holder=f"c{number}", until=until)
    chat = AccountCapability.objects.filter(account=account, capability="chat")
    chat.update(per_minute=6, paced_until=now + timedelta(hours=2))
    assert pull_back(now) == 2
    assert set(Lease.objects.values_list("until", flat=True)) == {right}
    assert chat.get().paced_until == now
    assert pull_back(now) == 0


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=10)], ids=["two hours", "ten days"])
@pytest.mark.parametrize(
    ("code", "column"),
    [("throttled", "cooldown_until"), ("no_boosts", "fast_cooldown_until")],
    ids=["all", "fast lane"],
)
def test_a_cooldown_keeps_its_length(account: Account, ahead: timedelta, code: str, column: str) -> None:
    """One set while the clock was ahead starts when the clock is corrected."""
    now = timezone.now()
    apply_error(account, Capability.IMAGE, AccountThrottledError(code=code, retry_after=90.0), now + ahead)
    rows = AccountCapability.objects.filter(account=account, capability=Capability.IMAGE)
    assert rows.values_list(column, flat=True).get() == now + ahead + timedelta(seconds=90)
    assert pull_back(now) == 1
    assert rows.values_list(column, flat=True).get() == now + timedelta(seconds=90)
    assert pull_back(now) == 0


def test_a_long_cooldown_of_a_correct_clock_stays(account: Account) -> None:
    """Bing may ask for a day: a cooldown that began in the past is correct."""
    now = timezone.now()
    apply_error(account, Capability.IMAGE, AccountThrottledError(code="throttled", retry_after=86_400.0), now)
    assert pull_back(now) == 0
    assert pull_back(now + timedelta(hours=2)) == 0


def test_checks_claims_and_turns_are_not_delayed(account: Account) -> None:
    """An expired account is checked in time, a token's claim ends, and no account is served last for hours."""
    now = timezone.now()
    later = now + timedelta(hours=2)
    Account.objects.filter(pk=account.pk).update(token_asked_at=later, checked_at=later)
    set_capability(account, Capability.IMAGE, served_at=later, checked_at=later)
    assert pull_back(now) == 4
    account.refresh_from_db()
    row = account.capabilities.get(capability=Capability.IMAGE)
    assert account.token_asked_at == account.checked_at == row.served_at == row.checked_at == now
