"""What the list of accounts says of each, and that it asks no query for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin import AccountAdmin, columns
from accounts.leases import take_lease
from accounts.models import Account, AccountCapability, AccountKind, AccountState, Capability, CheckState
from creator.models import State
from tests.accounts.admin.operating import page
from tests.factories import make_account, make_task, set_capability

pytestmark = pytest.mark.django_db


def test_the_list_shows_what_each_account_is_doing(operator: Client) -> None:
    """In flight of how many, the last success, what the last check found, rests with their ends, proxy, notes."""
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
    """Loads and capabilities of the whole page are asked for together."""
    make_account("first")
    address = reverse("admin:accounts_account_changelist")
    with django_assert_max_num_queries(14) as one:
        operator.get(address)
    for number in range(99):
        make_account(f"account-{number}")
    with django_assert_max_num_queries(len(one)):
        assert len(operator.get(address).context["cl"].result_list) == AccountAdmin.list_per_page


def test_the_change_page_shows_the_same_of_one_account(operator: Client) -> None:
    """In flight, and what each check found."""
    anna = make_account("anna")
    make_task(account=anna, kind="video", state=State.POLLING)
    AccountCapability.note_check(anna, "image", CheckState.OK, "Signed in, 12 boosts left.", timezone.now())
    text = page(operator, "account_change", anna.pk)
    assert "1 of 3" in text and "0 of 3" in text and "0 of 4" in text
    assert "Works: Signed in, 12 boosts left." in text and "not checked yet" in text


def test_the_change_page_says_what_rests_and_what_a_check_found(operator: Client) -> None:
    """Until when and why, for the whole of it and for the fast lane; what cannot be told is not said twice."""
    anna, now = make_account("anna"), timezone.now()
    rest = {"cooldown_until": now + timedelta(hours=2), "cooldown_reason": "Bing asks to slow down."}
    set_capability(anna, Capability.IMAGE, fast_cooldown_until=now + timedelta(hours=3), **rest)
    set_capability(anna, Capability.VIDEO, cooldown_until=now - timedelta(hours=1))
    AccountCapability.note_check(anna, "chat", CheckState.UNKNOWN, "Cannot tell without a question.", now)
    images, videos, chat = anna.capabilities.order_by("pk")
    assert "(Bing asks to slow down.)" in columns.show_rests(images) and ", fast lane" in columns.show_rests(images)
    assert (columns.show_rests(videos), columns.show_rests(chat)) == ("no", "no")
    assert ">Cannot tell without a question.<br>" in columns.show_check(chat)
    assert columns.show_rests(images) in page(operator, "account_change", anna.pk)


def test_a_copilots_one_capability_is_its_chat(operator: Client) -> None:
    """Whose it is, the column for the kind says."""
    for kind in (AccountKind.COPILOT, AccountKind.M365):
        set_capability(make_account(kind, kind=kind), Capability(kind), check_state="failed")
    text = page(operator, "account_changelist")
    assert text.count("Chat 0 of 1") == text.count("Chat: does not work") == 2


def test_an_account_that_nothing_is_known_of() -> None:
    """Empty cells, no fault."""
    account = Account(name="new")
    assert (columns.reason_of(account), columns.show_proxy(account), columns.show_notes(account)) == ("", "", "")
    account.sealed_proxy = "damaged"
    assert columns.show_proxy(account) == "sealed with a key that is not in SEAL_KEYS"
    account.is_enabled = False
    account.last_error = "Bing is overloaded."
    assert columns.reason_of(account) == "Disabled by an operator. Last check failed: Bing is overloaded."
