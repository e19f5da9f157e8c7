"""Descriptions of credentials: kind, age, expiry and next step, never a value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from pytest_django import Settings

from accounts.admin.columns import WARNING
from accounts.admin.credentials import show_credentials, show_token, what_to_do
from accounts.microsoft.access_tokens import read_token
from accounts.microsoft.services.credentials import keep_token
from accounts.models import Account, AccountKind, AccountState
from bingproject.conf.environment import new_seal_key
from tests.accounts.admin.operating import page
from tests.accounts.microsoft.jwts import make_jwt
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def copilot(seconds: float | None = 3600, **columns: Any) -> Account:
    """Create a consumer account whose token expires in this time; None for an unknown time."""
    account = Account.objects.create(name=f"copilot {Account.objects.count()}", kind=AccountKind.COPILOT, **columns)
    claims = {} if seconds is None else {"exp": int(timezone.now().timestamp() + seconds)}
    keep_token(account, read_token(make_jwt(**claims)), timezone.now())
    return account


@pytest.mark.parametrize(
    ("seconds", "columns", "words"),
    [
        (3590, {}, "token ends in 59 minutes"),
        (1790, {}, "token ends in 29 minutes: give a new one"),
        (1790, {"token_command": "work"}, "token ends in 29 minutes, by work"),
        (-60, {}, "token has ended: give a new one"),
        (None, {"token_command": "work"}, "token, end not known, by work"),
    ],
)
def test_the_list_shows_the_tokens_expiry(seconds: float | None, columns: dict[str, Any], words: str) -> None:
    """Or that it is not known."""
    assert show_credentials(copilot(seconds, **columns)) == words


def test_the_clearance_has_an_age(operator: Client) -> None:
    """On the list, and on the page with what it is bound to."""
    account = copilot(clearance_at=timezone.now() - timedelta(minutes=12))
    assert "clearance 12 minutes old" in page(operator, "account_changelist")
    shown = page(operator, "account_change", account.pk)
    assert "12 minutes ago; usually good for about 30 minutes" in shown
    assert escape("bound to this browser's User-Agent and network") in shown
    assert "none pasted" in page(operator, "account_change", copilot().pk)


def test_both_warn_before_the_end(operator: Client) -> None:
    """Unless a token command renews it; the list has a colour for the warning."""
    copilot(3600)
    assert WARNING not in page(operator, "account_changelist")
    assert "give a new one." in show_token(copilot(600)) and what_to_do(_ok(copilot(600))).startswith("Soon: sign in")
    assert "Give a new one." in show_token(copilot(-600))
    served = _ok(copilot(600, token_command="work"))
    assert "give a new" not in show_token(served) and what_to_do(served) == "Nothing."
    listed = page(operator, "account_changelist")
    assert listed.count(WARNING) == 3 and "token ends in 9 minutes: give a new one" in listed.replace("\xa0", " ")
    assert "New ones come from the token command work." in page(operator, "account_change", served.pk)


def _ok(account: Account) -> Account:
    account.mark(AccountState.OK, "", timezone.now())
    return account


def test_without_credentials() -> None:
    """The page says that there are none, and where to get them."""
    for kind in AccountKind:
        account = Account.objects.create(name=kind, kind=kind)
        assert show_credentials(account).startswith(("no cookie", "no token"))
        assert show_token(account) == "none"
        assert what_to_do(account).startswith("Sign in at ")
    assert show_token(Account(kind="m365", token_command="work")).startswith("none yet. New ones come")
    assert show_credentials(make_account("a")) == "cookie set"


def test_after_a_challenge_the_page_says_what_to_paste() -> None:
    """In the operator's own browser, over the same network."""
    account = copilot()
    account.mark(AccountState.CHALLENGED, "Copilot wants a human.", timezone.now())
    for words in ("copilot.microsoft.com in your own browser", "over the same network", "HAR", "Nothing here answers"):
        assert words in what_to_do(account)
    account.kind = AccountKind.M365
    assert "address of the socket" in what_to_do(account)
    account.mark(AccountState.EXPIRED, "", timezone.now())
    assert "a token command can renew it" in what_to_do(account)


def test_a_checked_microsoft_365_account_stays_unchecked() -> None:
    """Until a question succeeds."""
    account = Account.objects.create(name="m", kind=AccountKind.M365, token_command="x", checked_at=timezone.now())
    assert "the first question will show" in what_to_do(account)


def test_a_token_under_a_lost_key(settings: Settings) -> None:
    """The page still opens."""
    account = copilot()
    settings.SEAL_KEYS = [new_seal_key()]
    assert show_token(account) == "encrypted with a key that is not in SEAL_KEYS"
