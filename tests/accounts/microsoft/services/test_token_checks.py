"""Checks of accounts of the two Copilots, over the sandbox and their apps' own questions."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts.microsoft.access_tokens import read_token
from accounts.microsoft.services import check_account, check_all_accounts, request_check
from accounts.microsoft.services.credentials import keep_token
from accounts.models import Account, AccountKind, AccountState, Capability, CheckState
from bingproject.errors import AccountBlockedError, ChallengeRequiredError, UpstreamUnavailableError
from tests.accounts.microsoft.jwts import M365_AUDIENCE, make_jwt

pytestmark = pytest.mark.django_db(transaction=True)


def make(kind: str = AccountKind.M365, seconds: float = 3600, **columns: Any) -> Account:
    """An account with a token that lives so long."""
    place = {"object_id": "o", "tenant_id": "t", "tier": "edu"} if kind == AccountKind.M365 else {}
    account = Account.objects.create(name=f"{kind} {Account.objects.count()}", kind=kind, **(place | columns))
    claims = {"aud": M365_AUDIENCE, "oid": "o", "tid": "t"} if kind == AccountKind.M365 else {}
    keep_token(account, read_token(make_jwt(exp=int(timezone.now().timestamp() + seconds), **claims)), timezone.now())
    return account


def check(account: Account) -> tuple[Account, CheckState, str]:
    """The account after a check that was asked for, and what was found."""
    request_check(account, timezone.now())
    async_to_sync(check_account)(account.pk)
    row = account.capabilities.get()
    return Account.objects.get(pk=account.pk), CheckState(row.check_state), row.check_note


async def blocks(look: Any) -> Any:
    """A check of a blocked account."""
    raise AccountBlockedError


async def challenges(look: Any) -> Any:
    """A check that meets a challenge."""
    raise ChallengeRequiredError


async def fails(look: Any) -> Any:
    """A check in an outage."""
    raise UpstreamUnavailableError(code="upstream_overloaded", detail="status 503")


def test_a_microsoft_365_account_is_told_by_its_token() -> None:
    """Whether it answers is not claimed; asked for, an expired one is given another chance."""
    account = make()
    account.mark(AccountState.EXPIRED, "refused", timezone.now())
    found, state, note = check(account)
    assert (found.state, state) == (AccountState.UNCHECKED, CheckState.UNKNOWN)
    assert note.startswith("Cannot tell without asking a question. A token for Microsoft 365 Copilot")


def test_the_regular_look_gives_no_other_chance_by_guessing() -> None:
    """A service has refused this token: that it looks right changes nothing."""
    account = make()
    account.mark(AccountState.EXPIRED, "refused", timezone.now())
    assert async_to_sync(check_all_accounts)() == {"expired": 1}
    assert Account.objects.get().checked_at is not None


def test_an_ended_token_is_an_expired_account() -> None:
    """In words for the operator."""
    found, state, note = check(make(seconds=-5))
    assert (found.state, state) == (AccountState.EXPIRED, CheckState.FAILED)
    assert "has expired" in note and "has expired" in found.state_reason


def test_without_its_place_it_cannot_be_used() -> None:
    """What is missing is named."""
    found, state, note = check(make(tier=""))
    assert (found.state, state) == (AccountState.UNCHECKED, CheckState.FAILED)
    assert "licence" in note


@pytest.mark.parametrize(
    ("question", "state", "found"),
    [
        ("blocks", AccountState.BLOCKED, CheckState.FAILED),
        ("challenges", AccountState.CHALLENGED, CheckState.FAILED),
        ("fails", AccountState.UNCHECKED, CheckState.UNKNOWN),
    ],
)
def test_what_stands_in_the_way(settings: Any, question: str, state: str, found: str) -> None:
    """A verdict is the account's state; an outage is only remembered."""
    settings.CAPABILITY_CHECKS = {Capability.COPILOT: f"{__name__}.{question}"}
    account, result, _ = check(make(AccountKind.COPILOT))
    assert (account.state, result) == (state, found)
    assert ("status 503" in account.last_error) is (question == "fails")
