"""Columns that a valid account form writes."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.admin.kinds import AccountForm
from accounts.admin.saving import save_account
from accounts.models import Account, AccountState
from tests.accounts.admin.operating import SECRET, form
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def save(account: Account | None, **changed: str) -> tuple[Account, str]:
    """Fill in the form and save it."""
    fields = form(account, **changed) | {"kind": "bing", "name": account.name if account else "anna"}
    filled = AccountForm(fields, instance=account)
    assert filled.is_valid(), filled.errors
    return filled.instance, save_account(filled.instance, filled, timezone.now())


def test_a_new_account_and_new_cookies() -> None:
    """Both are described without a value, and checked."""
    for before in (None, make_account("bert")):
        account, said = save(before, new_cookies=SECRET)
        assert account.cookies == {"_U": SECRET}
        stored = Account.objects.get(pk=account.pk)
        assert stored.check_wanted_at is not None and stored.state == AccountState.UNCHECKED
        assert "_U" in said and SECRET not in said


def test_a_form_without_credentials_writes_only_its_changes() -> None:
    """A state that a worker has written in the meantime stays."""
    account = make_account("anna")
    Account.objects.update(state=AccountState.BLOCKED)
    _, said = save(account, notes="x")
    account.refresh_from_db()
    assert (account.notes, account.state, said) == ("x", AccountState.BLOCKED, "")
