"""Texts in the list of accounts, without a query per row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin import AccountAdmin, columns
from accounts.microsoft.leases import take_lease
from accounts.models import Account, AccountCapability, AccountKind, AccountState, Capability, CheckState
from creator.models import State
from tests.accounts.admin.operating import page
from tests.factories import make_account, make_task, make_token_account, set_capability

pytestmark = pytest.mark.django_db


def test_the_list_shows_what_each_account_is_doing(operator: Client) -> None:
    """Work in flight, last success, last check, cooldowns with their ends, proxy, notes."""
    now = timezone.now()
    anna = make_account("anna", notes="n" * 100)
    anna.proxy = "http://anna:hunter2@proxy.example.org:3128"
    anna.save()
    for state in (State.POLLING, State.SUBMITTING):
        make_task(account=anna, state=state)
    assert take_lease(Capability.CHAT, "chat x", now, only=anna.pk) is not None
    set_capability(anna, Capability.IMAGE, last_success_at=now - timedelta(minutes=5), check_state="ok")
    set_capability(anna, Capability.CHAT, check_state="unknown", cooldown_until=now + timedelta(hours=2),
                   cooldown_reason="Bing asks to slow down.")  # fmt: skip
    set_capability(anna, Capability.VIDEO, limit=0)
    anna.mark(AccountState.EXPIRED, "Signed out.", now)
    text = page(operator, "account_changelist")
    for shown in (
        "Images 2 of 3 · worked 5\xa0minutes ago",
        "Videos switched off",
        "Chat 1 of 4",
        "Images: works",
        "Chat: cannot tell",
        "(Bing asks to slow down.)",
        "Signed out. Since ",
        "http://anna:•••@proxy.example.org:3128",
        "n" * 80 + "…",
    ):
        assert shown in text
    assert "hunter2" not in text


def test_a_hundred_accounts_cost_as_many_queries_as_one(operator: Client, django_assert_max_num_queries: Any) -> None:
    """Work in flight and capabilities are read for the whole page."""
    make_account("first")
    address = reverse("admin:accounts_account_changelist")
    with django_assert_max_num_queries(14) as one:
        operator.get(address)
    for number in range(99):
        make_account(f"account-{number}")
    with django_assert_max_num_queries(len(one)):
        assert len(operator.get(address).context["cl"].result_list) == AccountAdmin.list_per_page


def test_the_change_page_shows_the_same_of_one_account(operator: Client) -> None:
    """Work in flight, and the last check's result."""
    anna = make_account("anna")
    make_task(account=anna, kind="video", state=State.POLLING)
    AccountCapability.note_check(anna, "image", CheckState.OK, "Signed in, 12 boosts left.", timezone.now())
    text = page(operator, "account_change", anna.pk)
    assert "1 of 3" in text and "0 of 3" in text and "0 of 4" in text
    assert "Works: Signed in, 12 boosts left." in text and "not checked yet" in text


def test_the_change_page_shows_cooldowns_and_the_last_check(operator: Client) -> None:
    """Cooldowns with end and reason, also of the fast lane; "cannot tell" is not repeated."""
    anna, now = make_account("anna"), timezone.now()
    rest = {"cooldown_until": now + timedelta(hours=2), "cooldown_reason": "Bing asks to slow down."}
    set_capability(anna, Capability.IMAGE, fast_cooldown_until=now + timedelta(hours=3), **rest)
    set_capability(anna, Capability.VIDEO, cooldown_until=now - timedelta(hours=1))
    AccountCapability.note_check(anna, "chat", CheckState.UNKNOWN, "Cannot tell without a question.", now)
    images, videos, chat = anna.capabilities.order_by("pk")
    assert "(Bing asks to slow down.)" in columns.show_cooldowns(images) and ", fast lane" in columns.show_cooldowns(
        images
    )
    assert (columns.show_cooldowns(videos), columns.show_cooldowns(chat)) == ("no", "no")
    assert ">Cannot tell without a question.<br>" in columns.show_check(chat)
    assert columns.show_cooldowns(images) in page(operator, "account_change", anna.pk)


def test_a_copilots_one_capability_is_its_chat(operator: Client) -> None:
    """The column of the kind says whose."""
    for kind in (AccountKind.COPILOT, AccountKind.M365):
        set_capability(make_account(kind, kind=kind), Capability(kind), check_state="failed")
    text = page(operator, "account_changelist")
    assert text.count("Chat 0 of 1") == text.count("Chat: does not work") == 2


def test_an_account_without_any_facts() -> None:
    """Its cells are empty."""
    account = Account(name="new")
    assert (columns.reason_of(account), columns.show_proxy(account), columns.show_notes(account)) == ("", "", "")
    account.encrypted_proxy = "damaged"
    assert columns.show_proxy(account) == "encrypted with a key that is not in SEAL_KEYS"
    account.is_enabled = False
    account.last_error = "Bing is overloaded."
    assert columns.reason_of(account) == "Disabled by an operator. Last check failed: Bing is overloaded."


def listing(operator: Client, order: str) -> str:
    """Return the list in an order."""
    return operator.get(reverse("admin:accounts_account_changelist"), {"o": order}).content.decode()


def test_boosts_are_a_column_to_sort_by(operator: Client) -> None:
    """The number and its age; on the account's page a sentence; empty before the first figure."""
    now = timezone.now()
    for name, left in (("few", 2), ("many", 14)):
        account = make_account(name)
        Account.objects.filter(pk=account.pk).update(boosts_left=left, boosts_at=now - timedelta(minutes=5))
    make_account("unknown")
    text = page(operator, "account_changelist")
    assert ">14</span>" in text and "5\xa0min ago" in text
    column = list(AccountAdmin.list_display).index("boosts") + 1
    ascending = listing(operator, str(column))
    assert ascending.index(">2</span>") < ascending.index(">14</span>")
    descending = listing(operator, f"-{column}")
    assert descending.index(">14</span>") < descending.index(">2</span>")
    accounts = {account.name: account.pk for account in Account.objects.all()}
    assert "14, read " in page(operator, "account_change", accounts["many"])
    assert "no page has shown it" in page(operator, "account_change", accounts["unknown"])


def test_only_bing_accounts_have_boosts(operator: Client) -> None:
    """A Copilot account's page has no such line."""
    account = make_token_account("copilot")
    assert "no page has shown it" not in page(operator, "account_change", account.pk)
