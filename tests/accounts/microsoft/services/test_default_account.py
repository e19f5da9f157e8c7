"""The account of BING_COOKIE_U: made and changed by the variable, and left to the operator in between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from accounts.microsoft import services
from accounts.models import Account, AccountState
from bingproject.conf.environment import new_seal_key
from bingproject.errors import InvalidRequestError
from tests.factories import make_account, make_undecryptable

pytestmark = pytest.mark.django_db


def test_the_default_account_follows_the_environment() -> None:
    """Made at the first start, updated when the cookie changes, left alone when it does not."""
    assert services.ensure_default_account("  ") is None
    account = services.ensure_default_account("first-cookie")
    assert account is not None and account.name == "default"
    account.mark(AccountState.OK, "", timezone.now())
    Account.objects.filter(pk=account.pk).update(is_enabled=False)
    services.ensure_default_account("first-cookie")
    found = Account.objects.get()
    assert (found.state, found.is_enabled) == (AccountState.OK, False)
    services.ensure_default_account("second-cookie")
    found.refresh_from_db()
    assert (found.state, found.cookies, found.is_enabled) == (AccountState.UNCHECKED, {"_U": "second-cookie"}, False)


def test_a_restart_leaves_what_an_operator_has_pasted_since() -> None:
    """The same variable as before is not applied again; another one is."""
    account = services.ensure_default_account("first-cookie")
    assert account is not None
    services.rotate_cookies(account, "pasted-cookie", timezone.now())
    services.ensure_default_account("first-cookie\n")
    assert Account.objects.get().cookies == {"_U": "pasted-cookie"}
    services.ensure_default_account("second-cookie")
    assert Account.objects.get().cookies == {"_U": "second-cookie"}


def test_the_variable_is_known_again_under_a_new_seal_key(settings: Any) -> None:
    """Through both steps of the change; the mark does not show the cookie."""
    old, new = new_seal_key(), new_seal_key()
    settings.SEAL_KEYS = [old]
    account = services.ensure_default_account("first-cookie")
    assert account is not None and "first" not in str(account.applied_digest)
    services.rotate_cookies(account, "pasted-cookie", timezone.now())
    for keys in ([old, new], [new, old]):
        settings.SEAL_KEYS = keys
        services.ensure_default_account("first-cookie")
    assert Account.objects.get().cookies == {"_U": "pasted-cookie"}
    settings.SEAL_KEYS = [new]
    services.ensure_default_account("first-cookie")
    assert Account.objects.get().undecryptable == ["cookies"]


def test_an_account_made_by_hand_follows_a_variable_that_is_new() -> None:
    """Its own cookies, or some that no key opens, give way; the same ones lose nothing of what is known of them."""
    account = make_account("default", cookie="first-cookie")
    services.ensure_default_account("first-cookie")
    account.refresh_from_db()
    assert account.state == AccountState.OK
    make_undecryptable(account, "encrypted_cookies")
    services.ensure_default_account("second-cookie")
    assert Account.objects.get().cookies == {"_U": "second-cookie"}


@pytest.mark.parametrize(
    "value",
    ["changeme", "your_cookie_here", "null", "0", "-", "_U", "$COOKIE", "/run/secrets/cookie", "_U:abcdefghijklmnop"],
)
def test_a_placeholder_makes_no_account(value: str) -> None:
    """It is refused by name, without being repeated."""
    with pytest.raises(InvalidRequestError, match=r"This is a placeholder|The cookie's name is in front") as refused:
        services.ensure_default_account(value)
    assert len(value) < 3 or value not in refused.value.message
    assert not Account.objects.exists()


@pytest.mark.parametrize("value", ['"MUID=1; _U=abcdefghijklmnop"', "'MUID=1; _U=abcdefghijklmnop'"])
def test_quotes_that_an_environment_file_keeps_are_taken_off(value: str) -> None:
    """As `docker --env-file` does."""
    account = services.ensure_default_account(value)
    assert account is not None and account.cookies == {"MUID": "1", "_U": "abcdefghijklmnop"}


def test_an_export_that_has_expired_is_refused_once() -> None:
    """When it is applied; one that was applied before does not keep a server from starting."""
    value = '[{"name": "_U", "value": "abcdefghijklmnop", "domain": ".bing.com", "expirationDate": 1800000000}]'
    before, after = (datetime.fromtimestamp(1_800_000_000 + seconds, UTC) for seconds in (-60, 60))
    with pytest.raises(InvalidRequestError, match="expired on 2027-01-15"):
        services.ensure_default_account(value, after)
    assert services.ensure_default_account(value, before) is not None
    assert services.ensure_default_account(value, after) is not None
