"""What can be told of an account's chat, against the sandbox."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from django.utils import timezone

from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account, AccountState, CheckState
from bingproject.errors import ServiceError
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from chat.services import check_chat
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def check_account(account: Account, *, may_open: bool = False) -> Finding:
    """Ask as this account."""

    async def run() -> Finding:
        async with ConnectionPool() as pool, pool.client(account.cookies) as client:
            return await check_chat(CheckContext(account, client, "", may_open))

    return asyncio.run(run())


def show(hub: SandboxServer, scenario: str) -> None:
    """Let the sandbox answer the opening of conversations so."""
    httpx.post(f"{hub.url}/_sandbox/scenario", json={"scenario": scenario}).raise_for_status()


def test_without_a_tick_nothing_is_opened_and_nothing_claimed(hub: SandboxServer) -> None:
    """Bing's list is read; whether chat works cannot be told, and that is what it says."""
    account = make_account("anna")
    finding = check_account(account)
    assert finding.state == CheckState.UNKNOWN
    assert finding.note == ("Cannot tell without opening a conversation. Bing lists 0 conversations of this account.")
    assert not hub.state.chats["chat"].creates
    check_account(account, may_open=True)
    assert "lists 1 conversation of" in check_account(account).note


def test_with_a_tick_a_conversation_is_opened(hub: SandboxServer) -> None:
    """One, and it is said."""
    assert check_account(make_account("anna"), may_open=True) == Finding(CheckState.OK, "Bing opened a conversation.")
    assert hub.state.chats["chat"].creates == {"anna": 1}


def test_a_conversation_of_nobody_proves_nothing(hub: SandboxServer) -> None:
    """Bing opens some for people who are not signed in; that is no chat of this account."""
    show(hub, "create-anonymous")
    finding = check_account(make_account("anna"), may_open=True)
    assert finding.state == CheckState.FAILED and "not signed in" in finding.note


@pytest.mark.parametrize(
    ("scenario", "state", "rests"),
    [
        ("create-forbidden", AccountState.BLOCKED, False),
        ("create-429", AccountState.OK, True),
        ("create-429-retry-after", AccountState.OK, False),
        ("create-404", AccountState.OK, False),
    ],
)
def test_what_a_refused_opening_says_of_the_account(
    hub: SandboxServer, scenario: str, state: AccountState, rests: bool
) -> None:
    """As a turn's would: a block marks it, a slow-down lets its chat rest for an hour, an outage says nothing."""
    account = make_account("anna")
    show(hub, scenario)
    with pytest.raises(ServiceError):
        check_account(account, may_open=True)
    account.refresh_from_db()
    chat = account.capabilities.get(capability="chat")
    assert account.state == state
    assert (chat.cooldown_until is not None and (chat.cooldown_until - timezone.now()).total_seconds() > 60) == rests


def test_somebody_not_signed_in(hub: SandboxServer) -> None:
    """The list is refused, and that is the finding."""
    with pytest.raises(ServiceError) as caught:
        check_account(make_account("expired-anna"))
    assert caught.value.code == "cookie_expired"
