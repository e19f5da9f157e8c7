"""What can be told of the two Copilots' accounts, without a question and with one, against the sandbox."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.microsoft.access_tokens import read_token
from accounts.microsoft.services import CheckContext, Finding
from accounts.microsoft.services.credentials import keep_token
from accounts.models import Account, AccountKind, CheckState
from bingproject.errors import CookieExpiredError
from bingproject.sandbox.providers import make_token
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from chat.services import check_chat
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def make(kind: str, token: str, **columns: Any) -> Account:
    """An account with this token."""
    account = Account.objects.create(name=kind, kind=kind, user_agent="Mozilla/5.0", **columns)
    keep_token(account, read_token(token), timezone.now())
    return account


def token(service: str, seconds: float = 3600, **options: Any) -> str:
    """A token of the sandbox's."""
    return make_token(service, "anna", timezone.now().timestamp() + seconds, **options)


def check_account(account: Account, *, may_open: bool = False) -> Finding:
    """Ask as this account."""

    async def run() -> Finding:
        async with ConnectionPool() as pool, pool.client({}) as client:
            return await check_chat(CheckContext(account, client, "", may_open))

    return asyncio.run(run())


@pytest.fixture
def site(sandbox: SandboxServer, settings: Any) -> SandboxServer:
    """The sandbox in place of Copilot's site."""
    settings.COPILOT_URL = sandbox.url
    settings.M365_URL = sandbox.url.replace("http", "ws", 1) + "/m365Copilot/Chathub"
    return sandbox


@pytest.mark.parametrize("is_opaque", [False, True])
def test_copilot_says_whether_it_knows_who_asks(site: SandboxServer, is_opaque: bool) -> None:
    """Its call costs nothing, so it works says what was seen."""
    finding = check_account(make(AccountKind.COPILOT, token("copilot", is_opaque=is_opaque)))
    assert finding == Finding(CheckState.OK, "Copilot knows the account.")


def test_a_token_that_copilot_does_not_take(site: SandboxServer) -> None:
    """Ended, with or without cookies to try instead."""
    account = make(AccountKind.COPILOT, token("copilot", -10))
    with pytest.raises(CookieExpiredError, match="does not know the account"):
        check_account(account)
    account.rotate({"cf_clearance": "x"}, timezone.now())
    with pytest.raises(CookieExpiredError):
        check_account(account)


def test_microsoft_365_is_not_asked() -> None:
    """What its token says is all that is said; without its place it cannot be addressed."""
    account = make(AccountKind.M365, token("m365"))
    finding = check_account(account)
    assert finding.state == CheckState.FAILED and "licence" in finding.note
    account.tier = "edu"
    finding = check_account(account)
    assert finding.state == CheckState.UNKNOWN
    assert finding.note.startswith("Cannot tell without asking a question. A token for Microsoft 365 Copilot")


def test_what_microsoft_365_has_answered_proves_it() -> None:
    """With this token: an answer from before it says nothing of it."""
    account = make(AccountKind.M365, token("m365"), tier="individual")
    for seconds, expected in ((-1, CheckState.UNKNOWN), (1, CheckState.OK)):
        answered_at = timezone.now() + timedelta(seconds=seconds * 60)
        account.capabilities.update(last_success_at=answered_at)
        assert check_account(account).state == expected


@pytest.mark.parametrize(("kind", "service"), [(AccountKind.COPILOT, "copilot"), (AccountKind.M365, "m365")])
def test_with_the_operators_leave_a_question_is_asked(site: SandboxServer, kind: str, service: str) -> None:
    """An answer proves it."""
    finding = check_account(make(kind, token(service), tier="individual"), may_open=True)
    assert finding == Finding(CheckState.OK, "A question was answered.")


def test_what_another_kind_of_account_is_asked_stays_out_of_it() -> None:
    """Bing's accounts have no row for these."""
    assert not make_account("anna").capabilities.filter(capability__in=("copilot", "m365")).exists()
