"""Boosts left: read wherever a page shows them, one number for each account, and their sum."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.microsoft import services
from accounts.microsoft.services.boosts import Boosts, note_boosts, sum_boosts
from accounts.models import Account
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account

pytestmark = pytest.mark.django_db
PAGE = '<i aria-label="{} coins available"></i>'


def stored(account: Account) -> tuple[int | None, object]:
    """What the row says."""
    return Account.objects.values_list("boosts_left", "boosts_at").get(pk=account.pk)


def test_a_page_that_says_is_remembered() -> None:
    """With the time; one that does not say, and one of cookies that have been replaced, change nothing."""
    account, now = make_account(), timezone.now()
    stale = Account.objects.get(pk=account.pk)
    assert note_boosts(account, PAGE.format(12), now) == 12
    assert (account.boosts_left, stored(account)) == (12, (12, now))
    later = now + timedelta(hours=1)
    assert note_boosts(account, "<p>no word of it</p>", later) is None and stored(account) == (12, now)
    assert note_boosts(account, PAGE.format(0), later) == 0 and stored(account) == (0, later)
    account.rotate({"_U": "another"}, later)
    assert stored(account) == (None, None) and account.boosts_left is None
    note_boosts(stale, PAGE.format(7), later)
    assert stored(account) == (None, None)


def test_the_same_number_is_written_once_a_minute() -> None:
    """Each picture shows it; its age stays right to the minute."""
    account, now = make_account(), timezone.now()
    note_boosts(account, PAGE.format(12), now)
    note_boosts(account, PAGE.format(12), now + timedelta(seconds=59))
    assert stored(account) == (12, now)
    note_boosts(account, PAGE.format(12), now + timedelta(seconds=61))
    assert stored(account) == (12, now + timedelta(seconds=61))


def test_a_check_and_a_renewal_read_it(sandbox: SandboxServer) -> None:
    """Both read the start page; so does the look that is made every half hour."""
    account = make_account("anna")
    check_account, check_all = async_to_sync(services.check_account), async_to_sync(services.check_all_accounts)
    for left, look in ((9, lambda: check_account(account.pk)), (4, check_all)):
        sandbox.state.account("anna").boosts = left
        look()
        assert stored(account)[0] == left


def test_the_sum_is_of_accounts_that_are_switched_on() -> None:
    """Of Bing's alone; one that no page has spoken of is counted as not known; one query."""
    now = timezone.now()
    assert sum_boosts() == Boosts(0, 0, 0, None)
    for left, age, columns in ((5, 3, {}), (7, 1, {}), (9, 9, {"is_enabled": False}), (9, 9, {"kind": "copilot"})):
        account = make_account(**columns)
        note_boosts(account, PAGE.format(left), now - timedelta(hours=age))
    make_account()
    with CaptureQueriesContext(connection) as asked:
        assert sum_boosts() == Boosts(12, 2, 3, now - timedelta(hours=3))
    assert len(asked) == 1
