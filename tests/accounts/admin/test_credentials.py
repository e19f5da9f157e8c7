"""What the pages say of credentials: what they are, how old, when they end, and what to do; never a value."""

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
from accounts.models import Account, AccountKind, AccountState
from accounts.services.credentials import keep_token
from accounts.tokens import read_token
from bingproject.environment import new_seal_key
from tests.accounts.admin.operating import page
from tests.accounts.jwts import make_jwt
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def copilot(seconds: float | None = 3600, **columns: Any) -> Account:
    """A consumer account whose token lives so long; None: it does not say."""
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
def test_the_list_says_how_long_the_token_is_good(seconds: float | None, columns: dict[str, Any], words: str) -> None:
    """Or that nobody knows."""
    assert show_credentials(copilot(seconds, **columns)) == words


def test_the_clearance_has_an_age(operator: Client) -> None:
    """On the list and, with what it is bound to, on the page."""
    account = copilot(clearance_at=timezone.now() - timedelta(minutes=12))
    assert "clearance 12 minutes old" in page(operator, "account_changelist")
    shown = page(operator, "account_change", account.pk)
    assert "12 minutes ago; usually good for about 30 minutes" in shown
    assert escape("bound to this browser's User-Agent and network") in shown
    assert "none pasted" in page(operator, "account_change", copilot().pk)


def test_both_warn_before_the_end(operator: Client) -> None:
    """With a program that brings new ones there is nothing to warn of; the list has a colour for it."""
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
    """Of each kind it is said that there are none, and where to get them."""
    for kind in AccountKind:
        account = Account.objects.create(name=kind, kind=kind)
        assert show_credentials(account).startswith(("no cookie", "no token"))
        assert show_token(account) == "none"
        assert what_to_do(account).startswith("Sign in at ")
    assert show_token(Account(kind="m365", token_command="work")).startswith("none yet. New ones come")
    assert show_credentials(make_account("a")) == "cookie set"


def test_after_a_challenge_the_page_says_what_to_paste() -> None:
    """In one's own browser, over the same network; nothing here answers one."""
    account = copilot()
    account.mark(AccountState.CHALLENGED, "Copilot wants a human.", timezone.now())
    for words in ("copilot.microsoft.com in your own browser", "over the same network", "HAR", "Nothing here answers"):
        assert words in what_to_do(account)
    account.kind = AccountKind.M365
    assert "address of the socket" in what_to_do(account)
    account.mark(AccountState.EXPIRED, "", timezone.now())
    assert "a token command can bring new ones" in what_to_do(account)


def test_a_checked_microsoft_365_account_stays_unproved() -> None:
    """Until a question shows it."""
    account = Account.objects.create(name="m", kind=AccountKind.M365, token_command="x", checked_at=timezone.now())
    assert "the first question will show" in what_to_do(account)


def test_a_token_under_a_key_that_is_gone(settings: Settings) -> None:
    """Does not take the page along."""
    account = copilot()
    settings.SEAL_KEYS = [new_seal_key()]
    assert show_token(account) == "sealed with a key that is not in SEAL_KEYS"
