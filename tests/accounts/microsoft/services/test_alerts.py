"""What of the accounts an operator is told of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account, AccountState
from accounts.services import find_alert_causes
from tests.factories import make_account, make_token_account, seal_away, set_capability

pytestmark = pytest.mark.django_db


def found() -> dict[str, str]:
    """Summaries by cause."""
    return {cause.name: cause.summary for cause in find_alert_causes(timezone.now())}


def test_nothing_to_say() -> None:
    """No account, and one that works, are in order."""
    assert found() == {}
    make_account("anna")
    make_account("bert", state="unchecked")
    assert found() == {}


@pytest.mark.parametrize("state", ["challenged", "expired", "blocked"])
def test_an_account_that_needs_somebody(state: str) -> None:
    """Named with its state; while another one works nothing else is the matter."""
    make_account("anna")
    row = make_account("bert", state=state)
    (name,) = found()
    assert name == f"account {row.pk} {state}" and "bert" in found()[name]
    (cause,) = find_alert_causes(timezone.now())
    assert "Sign in" in cause.what_to_do


@pytest.mark.parametrize(("kind", "site"), [("copilot", "copilot.microsoft.com"), ("m365", "m365.cloud.microsoft")])
def test_an_account_that_has_a_token(kind: str, site: str) -> None:
    """Needs somebody like any other, at its own service's site; nobody is left for its chat then."""
    row = make_token_account(kind, "carl", state="challenged")
    causes = {cause.name: cause for cause in find_alert_causes(timezone.now())}
    assert set(causes) == {f"account {row.pk} challenged", f"no account for {kind}"}
    assert site in causes[f"account {row.pk} challenged"].what_to_do


def test_what_an_operator_switched_off_is_no_alert() -> None:
    """A disabled account, one without cookies, and a capability with limit 0 are somebody's wish."""
    make_account("off", state="blocked", is_enabled=False)
    Account.objects.create(name="without cookies", state="expired")
    row = make_account("anna")
    set_capability(row, "chat", limit=0)
    assert found() == {}


def test_no_account_is_left() -> None:
    """The last one of each capability is gone; one that is enabled for video alone leaves the others without."""
    make_account("anna", state="expired")
    assert {"no account for image", "no account for video", "no account for chat"} < set(found())
    row = make_account("bert")
    set_capability(row, "image", limit=0)
    assert set(found()) & {"no account for image", "no account for video", "no account for chat"} == {
        "no account for image"
    }


def test_a_long_rest_of_all_is_as_bad(settings: Any) -> None:
    """Longer than ALERT_QUEUE_MINUTES for every account; a short one is everyday's."""
    settings.ALERT_QUEUE_MINUTES = 10
    row, now = make_account("anna"), timezone.now()
    set_capability(row, "image", cooldown_until=now + timedelta(minutes=9))
    assert found() == {}
    set_capability(row, "image", cooldown_until=now + timedelta(minutes=12))
    assert list(found()) == ["no account for image"]
    make_account("bert")
    assert found() == {}


def test_an_account_that_no_key_opens() -> None:
    """What is lost, and both ways to mend it; not that somebody is not signed in."""
    row = make_account("anna", state="expired")
    seal_away(row, "sealed_proxy")
    cause = next(cause for cause in find_alert_causes(timezone.now()) if cause.name == f"account {row.pk} expired")
    assert cause.summary == "No key in SEAL_KEYS opens the proxy of the account anna."
    assert "SEAL_KEYS" in cause.what_to_do and "proxy anew" in cause.what_to_do


def test_a_token_that_ends_soon_is_told_before_it_ends() -> None:
    """Once for each token, and only of accounts in use whose tokens no program renews."""
    now = timezone.now()
    row = make_token_account("copilot", "carl", token_expires_at=now + timedelta(minutes=29))
    make_token_account("copilot", "later", token_expires_at=now + timedelta(minutes=31))
    make_token_account("copilot", "served", token_expires_at=now + timedelta(minutes=5), token_command="work")
    make_token_account("copilot", "off", token_expires_at=now + timedelta(minutes=5), is_enabled=False)
    make_token_account("copilot", "ended", token_expires_at=now - timedelta(seconds=1))
    (cause,) = find_alert_causes(now)
    assert cause.summary.startswith("The token of carl ends soon, at ")
    assert "copilot.microsoft.com" in cause.what_to_do and "token command" in cause.what_to_do
    assert [again.name for again in find_alert_causes(now + timedelta(seconds=30))] == [cause.name]
    Account.objects.filter(pk=row.pk).update(token_expires_at=now + timedelta(minutes=20))
    assert [following.name for following in find_alert_causes(now)] != [cause.name]
    row.mark(AccountState.EXPIRED, "", now)
    assert [name for name in found() if name.startswith(f"account {row.pk} ")] == [f"account {row.pk} expired"]
