"""Alerts about accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.microsoft.services import find_alert_causes
from accounts.models import Account, AccountState
from tests.factories import make_account, make_token_account, make_undecryptable, set_capability

pytestmark = pytest.mark.django_db


def found() -> dict[str, str]:
    """Return summaries by cause."""
    return {cause.name: cause.summary for cause in find_alert_causes(timezone.now())}


def test_working_accounts_cause_no_alert() -> None:
    """Neither does a server without accounts."""
    assert found() == {}
    make_account("anna")
    make_account("bert", state="unchecked")
    assert found() == {}


@pytest.mark.parametrize("state", ["challenged", "expired", "blocked"])
def test_an_account_that_needs_an_operator(state: str) -> None:
    """The alert names its state; there is no other alert while another account works."""
    make_account("anna")
    row = make_account("bert", state=state)
    (name,) = found()
    assert name == f"account {row.pk} {state}" and "bert" in found()[name]
    (cause,) = find_alert_causes(timezone.now())
    assert "Sign in" in cause.what_to_do


@pytest.mark.parametrize(("kind", "site"), [("copilot", "copilot.microsoft.com"), ("m365", "m365.cloud.microsoft")])
def test_a_token_account_that_needs_an_operator(kind: str, site: str) -> None:
    """The alert names its own service's site, and the chat that no account is left for."""
    row = make_token_account(kind, "carl", state="challenged")
    causes = {cause.name: cause for cause in find_alert_causes(timezone.now())}
    assert set(causes) == {f"account {row.pk} challenged"}
    assert "“carl”. No other account is left for chat with" in causes[f"account {row.pk} challenged"].summary
    assert site in causes[f"account {row.pk} challenged"].what_to_do


def test_what_an_operator_switched_off_is_no_alert() -> None:
    """A disabled account, one without cookies, and a capability with limit 0 are intended."""
    make_account("off", state="blocked", is_enabled=False)
    Account.objects.create(name="without cookies", state="expired")
    row = make_account("anna")
    set_capability(row, "chat", limit=0)
    assert found() == {}


def test_no_account_is_left() -> None:
    """The last account's alert names the work that is left without one; if several fail, a further alert does."""
    anna = make_account("anna", state="challenged")
    (summary,) = found().values()
    assert summary == (
        "Bing asks for a human check of the account “anna”. "
        "No other account is left for pictures, videos and chat with Bing."
    )
    bert = make_account("bert")
    set_capability(bert, "image", limit=0)
    (summary,) = found().values()
    assert summary.endswith("No other account is left for pictures.")
    Account.objects.filter(pk=bert.pk).update(state="expired")
    assert set(found()) == {f"account {anna.pk} challenged", f"account {bert.pk} expired", "no account for video, chat"}
    assert found()["no account for video, chat"].startswith("No account is left for videos and chat with Bing: each of")


def test_a_long_cooldown_of_all_accounts_is_an_alert(settings: Any) -> None:
    """If it is longer than ALERT_QUEUE_MINUTES for every account."""
    settings.ALERT_QUEUE_MINUTES = 10
    row, now = make_account("anna"), timezone.now()
    set_capability(row, "image", cooldown_until=now + timedelta(minutes=9))
    assert found() == {}
    set_capability(row, "image", cooldown_until=now + timedelta(minutes=12))
    assert list(found()) == ["no account for image"]
    make_account("bert")
    assert found() == {}


def test_an_account_that_cannot_be_decrypted() -> None:
    """The alert names what is lost and both remedies, not a missing sign-in."""
    row = make_account("anna", state="expired")
    make_undecryptable(row, "encrypted_proxy")
    cause = next(cause for cause in find_alert_causes(timezone.now()) if cause.name == f"account {row.pk} expired")
    assert cause.summary.startswith("No key in SEAL_KEYS decrypts the proxy of the account “anna”.")
    assert "SEAL_KEYS" in cause.what_to_do and "proxy again" in cause.what_to_do


def test_a_token_that_expires_soon_is_an_alert() -> None:
    """One alert per token, only for usable accounts without a token command."""
    now = timezone.now()
    row = make_token_account("copilot", "carl", token_expires_at=now + timedelta(minutes=29))
    make_token_account("copilot", "later", token_expires_at=now + timedelta(minutes=31))
    make_token_account("copilot", "served", token_expires_at=now + timedelta(minutes=5), token_command="work")
    make_token_account("copilot", "off", token_expires_at=now + timedelta(minutes=5), is_enabled=False)
    make_token_account("copilot", "ended", token_expires_at=now - timedelta(seconds=1))
    (cause,) = find_alert_causes(now)
    assert cause.summary.startswith("The token of “carl” expires soon, at ")
    assert "copilot.microsoft.com" in cause.what_to_do and "token command" in cause.what_to_do
    assert [again.name for again in find_alert_causes(now + timedelta(seconds=30))] == [cause.name]
    Account.objects.filter(pk=row.pk).update(token_expires_at=now + timedelta(minutes=20))
    assert [following.name for following in find_alert_causes(now)] != [cause.name]
    row.mark(AccountState.EXPIRED, "", now)
    assert [name for name in found() if name.startswith(f"account {row.pk} ")] == [f"account {row.pk} expired"]
