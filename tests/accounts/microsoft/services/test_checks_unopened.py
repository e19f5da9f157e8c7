"""Checks of accounts whose secrets no key opens: set aside alone, and back with the key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts.microsoft import services
from accounts.models import AccountState, Capability
from bingproject.conf.environment import new_seal_key
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account, make_undecryptable

pytestmark = pytest.mark.django_db

check_account = async_to_sync(services.check_account)
check_all_accounts = async_to_sync(services.check_all_accounts)
recheck_expired = async_to_sync(services.recheck_expired)


@pytest.mark.parametrize("column", ["encrypted_cookies", "encrypted_jar", "encrypted_proxy"])
def test_an_account_that_no_key_opens_stops_no_other_check(sandbox: SandboxServer, column: str) -> None:
    """Its row and its capabilities say what must be given anew; the other is found to be well."""
    lost, fine = make_account("lost"), make_account("fine", state=AccountState.UNCHECKED)
    make_undecryptable(lost, column)
    assert check_all_accounts() == {AccountState.EXPIRED: 1, AccountState.OK: 1}
    lost.refresh_from_db()
    fine.refresh_from_db()
    assert (lost.state, fine.state) == (AccountState.EXPIRED, AccountState.OK)
    assert "no key in SEAL_KEYS fits" in lost.state_reason
    assert all("SEAL_KEYS" in row.check_note for row in lost.capabilities.all())
    assert check_account(lost.pk).state == AccountState.EXPIRED
    assert not recheck_expired(Capability.IMAGE, timezone.now() + timedelta(minutes=1))


def test_a_key_that_is_back_brings_the_account_back(sandbox: SandboxServer, settings: Any) -> None:
    """By the next look, like cookies that come back."""
    account, keys = make_account("anna"), settings.SEAL_KEYS
    settings.SEAL_KEYS = [new_seal_key()]
    assert check_all_accounts() == {AccountState.EXPIRED: 1}
    settings.SEAL_KEYS = keys
    assert check_all_accounts() == {AccountState.OK: 1}
    account.refresh_from_db()
    assert (account.state, account.state_reason) == (AccountState.OK, "")
