"""What an outcome at Bing says of the account that it befell, if anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.microsoft import services
from accounts.models import Account, AccountState, Capability, CheckState
from bingproject.errors import (
    OWNER,
    AccountBlockedError,
    AccountThrottledError,
    ChallengeRequiredError,
    CookieExpiredError,
    PromptRejectedError,
    ServiceError,
    UpstreamRefusedError,
    by_code,
)
from tests.factories import make_account, make_token_account, set_capability

pytestmark = pytest.mark.django_db


def settled(error: ServiceError, **options: Any) -> tuple[Account, dict[str, Any], datetime]:
    """An account after `error` befell one of its pictures; its image row's rests in seconds; the moment."""
    now = timezone.now()
    account = make_account()
    services.apply_error(account, Capability.IMAGE, error, now, **options)
    found = Account.objects.get(pk=account.pk)
    row = found.capabilities.get(capability=Capability.IMAGE)
    rests = {
        "lane": (row.fast_cooldown_until - now).total_seconds() if row.fast_cooldown_until else None,
        "all": (row.cooldown_until - now).total_seconds() if row.cooldown_until else None,
        "reason": row.cooldown_reason,
    }
    others = found.capabilities.exclude(capability=Capability.IMAGE)
    assert not others.exclude(cooldown_until=None, fast_cooldown_until=None).exists()
    return found, rests, now


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CookieExpiredError(), AccountState.EXPIRED),
        (ChallengeRequiredError(), AccountState.CHALLENGED),
        (AccountBlockedError(), AccountState.BLOCKED),
    ],
)
def test_a_refusal_of_the_account_sets_its_state(error: ServiceError, state: AccountState) -> None:
    """With reason and time; there is no cooldown, since the account gets no work."""
    account, rests, now = settled(error)
    assert (account.state, account.state_reason, account.state_at) == (state, error.message, now)
    assert rests == {"lane": None, "all": None, "reason": ""}


@pytest.mark.parametrize(
    ("error", "options", "lane", "rest"),
    [
        (AccountThrottledError(code="no_boosts"), {}, 3600, None),
        (AccountThrottledError(code="no_boosts", retry_after=60), {}, 60, None),
        (AccountThrottledError(code="too_many_running"), {}, None, 30),
        (AccountThrottledError(code="too_many_running"), {"cooldown_seconds": 5.0}, None, 5),
        (AccountThrottledError(code="throttled", retry_after=7), {}, None, 7),
        (AccountThrottledError(code="throttled"), {}, None, 30),
        (UpstreamRefusedError(), {}, None, 3600),
        (UpstreamRefusedError(retry_after=90), {}, None, 90),
    ],
)
def test_throttling_sets_a_cooldown_for_the_capability(
    error: ServiceError, options: dict[str, Any], lane: float | None, rest: float | None
) -> None:
    """The account stays usable for other work; without boosts, only its fast lane cools down."""
    account, rests, _ = settled(error, **options)
    assert account.state == AccountState.OK
    assert (rests["lane"], rests["all"]) == (lane, rest)
    assert rests["reason"] == (error.message if rest else "")


@pytest.mark.parametrize(
    "code",
    sorted(
        code
        for code, owner in OWNER.items()
        if not issubclass(owner, (CookieExpiredError, ChallengeRequiredError, AccountBlockedError))
        and not issubclass(owner, (AccountThrottledError, UpstreamRefusedError))
    ),
)
def test_no_other_failure_marks_an_account(code: str) -> None:
    """A prompt's fault, an outage, a page that cannot be read: the account is as before."""
    account, rests, _ = settled(by_code(code))
    assert account.state == AccountState.OK
    assert rests == {"lane": None, "all": None, "reason": ""}


def test_a_prompts_fault_is_not_the_accounts() -> None:
    """The row's words stay empty, too."""
    account, _, _ = settled(PromptRejectedError(code="blocked"))
    assert account.state_reason == "" and account.last_error == ""


def test_a_success_is_remembered_for_its_capability() -> None:
    """The admin shows when a picture last came."""
    now, account = timezone.now(), make_account()
    services.mark_success(account, Capability.IMAGE, now)
    found = dict(account.capabilities.values_list("capability", "last_success_at"))
    assert found == {"image": now, "video": None, "chat": None}


PROOFS = [
    ("bing", Capability.IMAGE, "An image was made."),
    ("bing", Capability.VIDEO, "A video was made."),
    ("bing", Capability.CHAT, "A question was answered."),
    ("copilot", Capability.COPILOT, "A question was answered."),
    ("m365", Capability.M365, "A question was answered."),
]


@pytest.mark.parametrize(("kind", "capability", "note"), PROOFS)
@pytest.mark.parametrize("found", ["", CheckState.UNKNOWN, CheckState.FAILED])
def test_a_success_proves_the_account(kind: str, capability: str, note: str, found: str) -> None:
    """Whatever a check found before; what a check said of a capability that works stays."""
    account = make_any(kind, state=AccountState.UNCHECKED)
    set_capability(account, capability, check_state=found)
    now = timezone.now()
    services.mark_success(account, capability, now)
    row = account.capabilities.get(capability=capability)
    assert (row.check_state, row.check_note, row.checked_at) == (CheckState.OK, note, now)
    account.refresh_from_db()
    assert (account.state, account.checked_at) == (AccountState.OK, now)
    set_capability(account, capability, check_note="12 boosts left.")
    services.mark_success(account, capability, now + timedelta(seconds=9))
    assert account.capabilities.get(capability=capability).check_note == "12 boosts left."


@pytest.mark.parametrize("state", [AccountState.EXPIRED, AccountState.CHALLENGED, AccountState.BLOCKED])
def test_a_success_does_not_undo_a_refusal(state: AccountState) -> None:
    """A turn that began before the verdict ends after it."""
    account = make_account(state=AccountState.UNCHECKED)
    Account.objects.filter(pk=account.pk).update(state=state)
    services.mark_success(account, Capability.CHAT, timezone.now())
    account.refresh_from_db()
    assert account.state == state


def test_a_success_says_nothing_of_newer_credentials() -> None:
    """They were given while the result was on its way."""
    account = make_account(state=AccountState.UNCHECKED)
    Account.objects.get(pk=account.pk).rotate({"_U": "another"}, timezone.now())
    services.mark_success(account, Capability.CHAT, timezone.now())
    account.refresh_from_db()
    assert (account.state, account.capabilities.get(capability="chat").check_state) == (AccountState.UNCHECKED, "")


def make_any(kind: str, **columns: Any) -> Account:
    """An account of any back end."""
    return make_account(**columns) if kind == "bing" else make_token_account(kind, **columns)


def test_a_success_ends_no_cooldown() -> None:
    """The picture was requested before the cooldown was set."""
    now = timezone.now()
    row = make_account("anna").capabilities.get(capability=Capability.IMAGE)
    row.cool_down(now + timedelta(hours=1), "busy", now)
    services.mark_success(row.account, Capability.IMAGE, now)
    row.refresh_from_db()
    assert (row.last_success_at, row.cooldown_count) == (now, 0)
    assert row.cooldown_until == now + timedelta(hours=1)


def test_clearing_cooldowns_returns_their_number() -> None:
    """Both kinds of cooldown end; other accounts keep theirs."""
    rest = timezone.now() + timedelta(hours=1)
    anna, bert = make_account("anna"), make_account("bert")
    set_capability(anna, Capability.IMAGE, cooldown_until=rest, cooldown_reason="busy", cooldown_count=3)
    set_capability(anna, Capability.VIDEO, fast_cooldown_until=rest)
    set_capability(bert, Capability.IMAGE, cooldown_until=rest)
    assert services.clear_cooldowns([anna.pk]) == 2
    assert not anna.capabilities.exclude(cooldown_until=None, fast_cooldown_until=None, cooldown_count=0).exists()
    assert bert.capabilities.filter(cooldown_until=rest).exists()
