"""Checks of one account, selected ones, or all: requested, waited for without JavaScript, and described."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import jobs
from accounts.admin.checking import describe_result
from accounts.microsoft import services
from accounts.models import Account, AccountCapability, AccountState, CheckState
from bingproject.sandbox.server import SandboxServer
from tests.accounts.admin.operating import Commit, act, form, page, send
from tests.factories import make_account, make_machine
from tests.rig.servers import wait_for
from tests.waiting_jobs import waiting_jobs

CHECKING = "admin:accounts_account_checking"
CHECK_ALL = "admin:accounts_account_check_all"


@contextmanager
def worker() -> Iterator[None]:
    """Do the next requested check a moment later, as a worker would."""

    def work() -> None:
        wait_for(lambda: Account.objects.exclude(check_wanted_at=None).exists(), "a wish")
        jobs.check_asked_accounts()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_the_page_after_the_action_shows_the_result(operator: Client, sandbox: SandboxServer) -> None:
    """The page waits for the worker; no conversation is opened."""
    account = make_account("anna", state=AccountState.EXPIRED)
    with worker():
        text = act(operator, "account", "check_now", account)
    assert "anna: images: works (Signed in, 15 boosts left); videos: works (Signed in, 10 fast videos left); " in text
    assert "chat: cannot tell (Cannot tell without opening a conversation." in text
    assert not sandbox.state.chats["chat"].creates


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["action", "button", "all"])
def test_a_conversation_is_opened_only_when_asked_for(operator: Client, sandbox: SandboxServer, way: str) -> None:
    """By its own action, a switch on the account's page, or a box on the page for all."""
    account = make_account("anna")
    with worker():
        if way == "action":
            text = act(operator, "account", "check_now_opening", account)
        elif way == "button":
            fields = form(account, accounts_account_save_and_check="1", open_conversation="on")
            text = send(operator, "account_change", account.pk, **fields)
            assert "Account | Change" not in text and "new_cookies" in text
        else:
            text = operator.post(reverse(CHECK_ALL), {"open_conversation": "on"}, follow=True).content.decode()
    assert "chat: works (Bing opened a conversation)" in text
    assert sandbox.state.chats["chat"].creates == {"anna": 1}


@pytest.mark.django_db(transaction=True)
def test_checking_all(operator: Client, sandbox: SandboxServer) -> None:
    """The page asks for confirmation, and sums up the results of many accounts."""
    for number in range(6):
        make_account(f"account-{number}")
    make_account("disabled", is_enabled=False)
    assert reverse(CHECK_ALL) in page(operator, "account_changelist")
    before = operator.get(reverse(CHECK_ALL)).content.decode()
    assert "Check all 6 enabled accounts" in before
    assert not Account.objects.exclude(check_wanted_at=None).exists()
    with worker():
        text = operator.post(reverse(CHECK_ALL), follow=True).content.decode()
    assert "6 checked. Images: 6 works. Videos: 6 works. Chat: 6 cannot tell." in text
    assert not sandbox.state.chats["chat"].creates


@pytest.mark.django_db
def test_without_a_worker_the_page_gives_up_waiting(operator: Client, settings: Any) -> None:
    """It says that there is no result yet, and where to look."""
    settings.CHECK_WAIT_SECONDS = 0.1
    text = act(operator, "account", "check_now", make_account("anna"))
    assert "1 still running: reload the page to see the result." in text
    assert "see whether a worker is running" in text


@pytest.mark.django_db
def test_a_machine_without_workers_queues_no_check(
    operator: Client, settings: Any, django_capture_on_commit_callbacks: Commit
) -> None:
    """Nobody would take it from that queue; workers of other machines find the row."""
    settings.CHECK_WAIT_SECONDS = 0.1
    make_machine(machine_id="another")
    make_machine(machine_id=settings.MACHINE_ID, seen_at=timezone.now() - timedelta(minutes=1))
    with django_capture_on_commit_callbacks(execute=True):
        act(operator, "account", "check_now", make_account("anna"))
    assert not waiting_jobs()
    assert Account.objects.exclude(check_wanted_at=None).exists()


@pytest.mark.django_db
def test_a_failure_is_described() -> None:
    """As a warning; unfinished checks are mentioned, too."""
    now = timezone.now()
    anna, bert = make_account("anna"), make_account("bert")
    services.request_checks([anna.pk, bert.pk], now)
    for row in anna.capabilities.all():
        AccountCapability.note_check(anna, row.capability, CheckState.FAILED, "Signed out.", now + timedelta(seconds=1))
    level, text = describe_result(now)
    assert level == messages.WARNING
    assert text.startswith("anna: images: does not work (Signed out);") and "1 still running" in text
    AccountCapability.objects.filter(account=anna).update(check_state=CheckState.OK)
    assert describe_result(now)[0] == messages.INFO
    bert.delete()
    assert describe_result(now)[0] == messages.SUCCESS
    assert describe_result(now + timedelta(hours=1)) == (messages.INFO, "There was nothing to check.")


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?since=soon&account=x", "?since=2026-01-01", "?account=" + "9" * 30])
def test_an_invalid_address_redirects_to_the_list(operator: Client, query: str) -> None:
    """It matches no check."""
    answer = operator.get(reverse(CHECKING) + query)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("admin:accounts_account_changelist"))


@pytest.mark.django_db
def test_the_waiting_page_is_for_operators(client: Client) -> None:
    """Without a session or the permission to view accounts, it redirects to the log-in."""
    address = reverse(CHECKING)
    assert "/admin/login/" in client.get(address).headers["Location"]
    client.force_login(User.objects.create_user("guest", is_staff=True))
    assert "/admin/login/" in client.get(address).headers["Location"]
    assert client.post(reverse(CHECK_ALL)).status_code == 403
