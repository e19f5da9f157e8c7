"""The form of an account: what goes in, what is refused, and that no secret comes back."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Account
from tests.accounts.admin.operating import SECRET, Commit, form, page, send
from tests.factories import make_account
from tests.waiting_jobs import waiting_jobs

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "pasted",
    [
        SECRET,
        f"Cookie: MUID=1; _U={SECRET}",
        f'[{{"name": "_U", "value": "{SECRET}", "domain": ".bing.com"}}]',
        f".bing.com\tTRUE\t/\tTRUE\t0\t_U\t{SECRET}",
        f"curl 'https://www.bing.com/' -H 'cookie: _U={SECRET}'",
    ],
    ids=["value", "header", "json", "cookies.txt", "curl"],
)
def test_adding_an_account(operator: Client, pasted: str, django_capture_on_commit_callbacks: Commit) -> None:
    """Any form of cookies is taken; the account is checked by the queue once it is stored."""
    assert "new_cookies" in page(operator, "account_add")
    with django_capture_on_commit_callbacks(execute=True):
        text = send(operator, "account_add", **form(new_cookies=pasted))
    account = Account.objects.get()
    assert account.cookies["_U"] == SECRET
    assert account.capabilities.count() == 3
    assert [job["args"] for job in waiting_jobs()] == [(account.pk,)]
    assert SECRET not in text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"new_cookies": ""}, "An account needs its cookies."),
        ({"new_cookies": f"Cookie: other={SECRET}"}, "_U"),
        ({"new_cookies": SECRET, "proxy": "socks5://localhost:1080"}, "http://name:password@"),
        ({"new_cookies": SECRET, "user_agent": "Möbel/1.0"}, "ASCII"),
        ({"new_cookies": SECRET, "name": ""}, "required"),
    ],
    ids=["none", "no _U", "proxy", "user agent", "name"],
)
def test_a_wrong_form_comes_back_without_the_cookie(operator: Client, changed: dict[str, str], message: str) -> None:
    """The fault is named at its field, nothing is written, and what was pasted is not shown."""
    text = send(operator, "account_add", **form(**changed))
    assert message in text
    assert SECRET not in text
    assert not Account.objects.exists() and not waiting_jobs()


PROXY = "http://anna:hunter2@proxy:3128"


def test_the_change_page_shows_no_proxy_password(operator: Client) -> None:
    """Saved as it is shown, the page keeps the stored address."""
    account = make_account("anna", proxy=PROXY)
    sealed = account.sealed_proxy
    text = page(operator, "account_change", account.pk)
    assert "http://anna:•••@proxy:3128" in text and "hunter2" not in text
    text = send(operator, "account_change", account.pk, **form(account, proxy="http://anna:•••@proxy:3128"))
    assert "changed successfully" in text and "hunter2" not in text
    assert Account.objects.get().sealed_proxy == sealed


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("http://anna:other@proxy:3128", "http://anna:other@proxy:3128"),
        ("http://elsewhere:1", "http://elsewhere:1"),
        ("", ""),
        ("http://anna:•••@elsewhere:3128", PROXY),
        ("http://anna:hunter2@elsewhere", "http://anna:hunter2@elsewhere"),
    ],
)
def test_changing_a_proxy(operator: Client, typed: str, stored: str) -> None:
    """A new address replaces the old one; a stored password does not move to another host unseen."""
    account = make_account("anna", proxy=PROXY)
    text = send(operator, "account_change", account.pk, **form(account, proxy=typed))
    assert Account.objects.get().proxy == stored
    assert ("Type the whole address" in text) == ("•••@elsewhere" in typed)


def test_a_wrong_form_comes_back_without_the_proxys_password(operator: Client) -> None:
    """Whatever else is wrong with it."""
    text = send(operator, "account_add", **form(new_cookies="", proxy=PROXY))
    assert "An account needs its cookies." in text
    assert "hunter2" not in text
