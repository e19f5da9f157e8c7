"""What answers say of an account: checks, renewals and outcomes, against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts.microsoft import services
from accounts.microsoft.services.checks import RECHECKS_AT_ONCE
from accounts.models import USABLE_STATES, Account, AccountCapability, AccountState, Capability, CheckState
from bingproject.errors import (
    InvalidRequestError,
    NotFoundError,
    UpstreamError,
)
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool, jar_cookies
from tests.factories import make_account, set_capability
from tests.waiting_jobs import forget_jobs, waiting_jobs

pytestmark = pytest.mark.django_db
Commit = Callable[..., Any]

check_account = async_to_sync(services.check_account)
check_all_accounts = async_to_sync(services.check_all_accounts)
check_wanted_accounts = async_to_sync(services.check_wanted_accounts)
recheck_expired = async_to_sync(services.recheck_expired)


def show(sandbox: SandboxServer, scenario: str) -> None:
    """Let the sandbox's start page be another one."""
    httpx.post(f"{sandbox.url}/_sandbox/scenario", json={"scenario": scenario}).raise_for_status()


def homes(sandbox: SandboxServer) -> int:
    """How often its start page was asked for."""
    return sum(account.homes for account in sandbox.state.accounts.values())


# --- cookies --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_cluster")
def test_new_cookies_are_checked_once_committed(django_capture_on_commit_callbacks: Commit) -> None:
    """Any pasted form is taken; the job is queued after the commit and not before."""
    forget_jobs()
    account = make_account("anna", state=AccountState.EXPIRED)
    with django_capture_on_commit_callbacks(execute=True):
        services.rotate_cookies(account, "Cookie: _U=new-cookie; MUID=1", timezone.now())
        assert not waiting_jobs()
    found = Account.objects.get(pk=account.pk)
    assert (found.state, found.cookies) == (AccountState.UNCHECKED, {"_U": "new-cookie", "MUID": "1"})
    (job,) = waiting_jobs()
    assert (job["func"], job["args"]) == ("accounts.jobs.check_account", (account.pk,))


def test_unusable_cookies_change_nothing() -> None:
    """Text without `_U` is refused before the row is touched."""
    account = make_account("anna")
    with pytest.raises(InvalidRequestError):
        services.rotate_cookies(account, "Cookie: MUID=1", timezone.now())
    assert Account.objects.get(pk=account.pk).cookies == {"_U": "anna"}


# --- checks ---------------------------------------------------------------------------------------------------------


def test_a_check_of_a_live_cookie(sandbox: SandboxServer) -> None:
    """Signed in: ok, with the session and the cookies that Bing set kept for every process."""
    account = make_account("anna", state=AccountState.UNCHECKED)
    assert check_account(account.pk).state == AccountState.OK
    found = Account.objects.get(pk=account.pk)
    assert (found.state, found.last_error) == (AccountState.OK, "")
    assert found.checked_at is not None and found.session_at is not None
    assert found.session_ig == sandbox.state.accounts["anna"].ig
    assert "SANDBOX_SESSION" in found.jar
    assert found.jar["SRCHHPGUSR"].startswith("SRCHLANG=en&HV=")
    assert "_U" not in found.jar


def test_the_kept_jar_travels_with_the_next_check(sandbox: SandboxServer) -> None:
    """Cookies that Bing has set go along with the account's own, of this account only."""
    for name in ("anna", "bert"):
        account = make_account(name)
        for _ in range(2):
            check_account(account.pk)
    assert homes(sandbox) == 8  # the start page, and that of videos
    assert not sandbox.state.violations


@pytest.mark.parametrize("scenario", ["home-anonymous", "home-signin"])
@pytest.mark.parametrize("state", [AccountState.UNCHECKED, AccountState.OK, AccountState.EXPIRED])
def test_a_check_of_a_dead_cookie(
    sandbox: SandboxServer, scenario: str, state: AccountState, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed out, by page or by a sign-in redirect: expired, with the reason for the operator and in the log."""
    show(sandbox, scenario)
    account = make_account("anna", state=state)
    assert check_account(account.pk).state == AccountState.EXPIRED
    found = Account.objects.get(pk=account.pk)
    assert found.state == AccountState.EXPIRED
    assert "expired" in found.state_reason
    assert f"the account anna failed its check: {found.state_reason}" in caplog.text
    assert found.session_at is None


@pytest.mark.parametrize("state", list(AccountState))
@pytest.mark.parametrize("scenario", ["home-outage", "home-unknown", "home-panda", "home-empty"])
def test_a_check_that_says_nothing_marks_nothing(sandbox: SandboxServer, scenario: str, state: AccountState) -> None:
    """An outage, or a page that cannot be read, leaves every state as it is; the operator sees why."""
    show(sandbox, scenario)
    account = make_account("anna", state=state)
    check_account(account.pk)
    found = Account.objects.get(pk=account.pk)
    assert found.state == state
    assert found.last_error and found.checked_at is not None


def test_a_check_while_bing_cannot_be_reached(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens: no account is marked; the terminal says that it is not proved, and why."""
    settings.BING_URL = "http://127.0.0.1:9"
    account = make_account("anna")
    check_account(account.pk)
    assert "the account anna failed its check: Bing could not be reached." in caplog.text
    found = Account.objects.get(pk=account.pk)
    assert found.state == AccountState.OK
    assert found.last_error.startswith("Bing could not be reached.")
    assert "127.0.0.1" not in found.last_error


def test_a_later_success_clears_the_last_error(sandbox: SandboxServer) -> None:
    """The admin does not show an old error forever."""
    account = make_account("anna")
    account.note_failed_check("outage", timezone.now())
    check_account(account.pk)
    assert Account.objects.get(pk=account.pk).last_error == ""


def test_a_check_without_cookies_sends_no_request(sandbox: SandboxServer) -> None:
    """A deleted account raises NotFoundError."""
    account = Account.objects.create(name="anna")
    assert check_account(account.pk).state == AccountState.UNCHECKED
    assert homes(sandbox) == 0
    with pytest.raises(NotFoundError):
        check_account(account.pk + 1)


def test_the_regular_check_takes_every_account_in_use(sandbox: SandboxServer) -> None:
    """Disabled ones are left alone, and so are a challenge and a block: a page that opens does not end them."""
    for state in AccountState:
        make_account(state.value, state=state)
    make_account("expired-really")
    make_account("disabled", is_enabled=False, state=AccountState.UNCHECKED)
    sandbox.state.account("expired").is_alive = True
    assert check_all_accounts() == {AccountState.OK: 3, AccountState.EXPIRED: 1}
    states = dict(Account.objects.values_list("name", "state"))
    assert states == {
        "unchecked": "ok",
        "ok": "ok",
        "expired": "ok",
        "expired-really": "expired",
        "challenged": "challenged",
        "blocked": "blocked",
        "disabled": "unchecked",
    }


def test_an_operators_check_ends_a_challenge(sandbox: SandboxServer) -> None:
    """Whoever passed the challenge in a browser says so by asking for a check."""
    account = make_account("anna", state=AccountState.CHALLENGED)
    check_account(account.pk)
    assert Account.objects.get(pk=account.pk).state == AccountState.OK


def test_a_lost_check_is_run_by_the_watchdog(sandbox: SandboxServer) -> None:
    """The row stores the request: after a few seconds any machine's watchdog runs it, once."""
    now = timezone.now()
    account = make_account("anna", state=AccountState.BLOCKED)
    services.request_check(account, now)
    assert not services.needs_check()
    services.request_check(account, now - timedelta(minutes=1))
    assert services.needs_check()
    assert check_wanted_accounts() == {AccountState.OK: 1}
    assert not services.needs_check()
    assert check_wanted_accounts() == {}


def test_a_check_proves_each_capability(sandbox: SandboxServer) -> None:
    """What Bing's pages say of pictures and videos; of chat, that nothing can be told; nothing is made or opened."""
    account = make_account("anna", state=AccountState.UNCHECKED)
    services.request_check(account, timezone.now())
    check_account(account.pk)
    found = {row.capability: row for row in account.capabilities.all()}
    assert (found["image"].check_state, found["image"].check_note) == ("ok", "Signed in, 15 boosts left.")
    assert (found["video"].check_state, found["video"].check_note) == ("ok", "Signed in, 10 fast videos left.")
    assert found["chat"].check_state == "unknown"
    assert all(row.checked_at is not None for row in found.values())
    assert describe(sandbox.state)["submits"]["total"] == 0 and not sandbox.state.chats["chat"].creates


def test_a_conversation_is_opened_once_when_the_operator_ticks_it(sandbox: SandboxServer) -> None:
    """One wish, however many jobs: the next check opens none."""
    account = make_account("anna")
    services.request_check(account, timezone.now(), opens_chat=True)
    for _ in range(2):
        check_account(account.pk)
    assert sandbox.state.chats["chat"].creates == {"anna": 1}
    assert not Account.objects.get(pk=account.pk).check_opens_chat


@pytest.mark.parametrize(
    ("scenario", "state", "note"),
    [
        ("home-anonymous", "failed", "cookie"),
        ("home-outage", "unknown", "Cannot tell now:"),
        ("home-panda", "failed", ""),
    ],
)
def test_a_page_that_rules_out_all_capabilities(sandbox: SandboxServer, scenario: str, state: str, note: str) -> None:
    """Each capability gets the finding."""
    show(sandbox, scenario)
    account = make_account("anna")
    check_account(account.pk)
    rows = list(account.capabilities.all())
    assert [row.check_state for row in rows] == [state] * 3
    assert all(note in row.check_note and row.check_note for row in rows)


def test_a_check_of_an_account_without_cookies_says_so() -> None:
    """Each capability gets a result, so that callers who wait for it see one."""
    account = Account.objects.create(name="bare")
    asked_at = timezone.now()
    services.request_check(account, asked_at)
    assert services.count_unfinished_checks(asked_at) == 1
    check_account(account.pk)
    assert services.count_unfinished_checks(asked_at) == 0
    assert {row.check_note for row in account.capabilities.all()} == {"It has no cookies."}


@pytest.mark.usefixtures("own_cluster")
def test_several_accounts_are_checked_by_one_job(
    sandbox: SandboxServer, django_capture_on_commit_callbacks: Commit
) -> None:
    """The number of unfinished checks shows when all have a result."""
    forget_jobs()
    accounts = [make_account(name) for name in ("anna", "bert", "cleo")]
    asked_at = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        assert services.request_checks([account.pk for account in accounts], asked_at) == 3
    (job,) = waiting_jobs()
    assert (job["func"], job["args"]) == ("accounts.jobs.check_asked_accounts", ())
    assert services.count_unfinished_checks(asked_at) == 3
    assert check_wanted_accounts(patience_seconds=0) == {AccountState.OK: 3}
    assert services.count_unfinished_checks(asked_at) == 0


def test_two_jobs_share_the_requested_checks(sandbox: SandboxServer) -> None:
    """Each account is checked once: a superfluous job costs nothing."""
    accounts = [make_account(f"account-{number}") for number in range(12)]
    services.request_checks([account.pk for account in accounts], timezone.now())

    async def both() -> None:
        await asyncio.gather(*(services.check_wanted_accounts(patience_seconds=0) for _ in range(2)))

    async_to_sync(both)()
    assert homes(sandbox) == 24  # the start page and that of videos, of each


def test_rotating_forgets_what_checks_found(sandbox: SandboxServer) -> None:
    """And a check of the old cookies that ends later says nothing of the new ones."""
    account = make_account("anna")
    check_account(account.pk)
    old = Account.objects.get(pk=account.pk)
    services.rotate_cookies(account, "Cookie: _U=new-cookie", timezone.now())
    AccountCapability.note_check(old, "image", CheckState.FAILED, "old", timezone.now())
    assert not account.capabilities.exclude(check_state="", check_note="", checked_at=None).exists()


# --- renewals -------------------------------------------------------------------------------------------------------


def renew(account: Account, client_cookies: list[dict[str, str]]) -> Any:
    """Renew with a client of the account's own, and note the cookies it then holds."""

    async def run() -> Any:
        async with ConnectionPool() as pool, pool.client(account.cookies) as client:
            session = await services.renew_session(account, client)
            client_cookies.append({cookie.name: cookie.value or "" for cookie in client.cookies.jar})
            client_cookies.append(jar_cookies(client))
            return session

    return async_to_sync(run)()


def test_a_renewal_gives_the_session_to_client_and_row(sandbox: SandboxServer) -> None:
    """The caller's client and the caller's row know the new session at once."""
    account, held = make_account("anna", state=AccountState.EXPIRED), list[dict[str, str]]()
    session = renew(account, held)
    assert session.signed_in and session.ig == account.session_ig == sandbox.state.accounts["anna"].ig
    assert account.state == AccountState.OK and account.session_at is not None
    assert set(held[0]) == {"_U", "SRCHHPGUSR", "SANDBOX_SESSION"}
    assert set(held[1]) == {"SANDBOX_SESSION"}


def test_a_renewal_of_a_signed_out_account(sandbox: SandboxServer) -> None:
    """The session says so and the row is marked; nothing is raised."""
    account = make_account("expired-anna")
    assert not renew(account, []).signed_in
    assert Account.objects.get(pk=account.pk).state == account.state == AccountState.EXPIRED


def test_a_renewal_during_an_outage(sandbox: SandboxServer) -> None:
    """The failure is the caller's to handle; the row stays as it was."""
    show(sandbox, "home-outage")
    account = make_account("anna")
    with pytest.raises(UpstreamError):
        renew(account, [])
    assert Account.objects.get(pk=account.pk).state == AccountState.OK


def test_a_renewal_does_not_end_a_challenge(sandbox: SandboxServer) -> None:
    """What chat has found out while a picture was being made is not undone by the start page."""
    account = make_account("anna", state=AccountState.CHALLENGED)
    assert renew(account, []).signed_in
    assert Account.objects.get(pk=account.pk).state == AccountState.CHALLENGED


# --- the expired are not buried -------------------------------------------------------------------------------------


def test_an_expired_account_that_works_again_is_usable(sandbox: SandboxServer) -> None:
    """After one check, the next task can use it."""
    account = make_account("anna", state=AccountState.EXPIRED)
    Account.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    assert recheck_expired(Capability.IMAGE, timezone.now())
    assert Account.objects.get(pk=account.pk).state in USABLE_STATES
    assert homes(sandbox) == 1


def test_an_expired_account_is_checked_every_ten_seconds_at_most(sandbox: SandboxServer) -> None:
    """All callers on all machines share one check."""
    make_account("expired-anna", state=AccountState.EXPIRED)
    now = timezone.now()
    Account.objects.update(checked_at=now - timedelta(seconds=9))
    assert not recheck_expired(Capability.IMAGE, now)
    assert homes(sandbox) == 0
    later = now + timedelta(seconds=1)
    assert not recheck_expired(Capability.IMAGE, later)
    assert not recheck_expired(Capability.IMAGE, later + timedelta(seconds=5))
    assert homes(sandbox) == 1


def test_only_expired_accounts_of_the_capability_are_checked(sandbox: SandboxServer) -> None:
    """Not disabled, blocked or usable ones, and none whose capability is switched off."""
    make_account("disabled", state=AccountState.EXPIRED, is_enabled=False)
    make_account("blocked", state=AccountState.BLOCKED)
    make_account("fine")
    set_capability(make_account("no-video", state=AccountState.EXPIRED), Capability.VIDEO, limit=0)
    Account.objects.update(checked_at=None)
    assert not recheck_expired(Capability.VIDEO, timezone.now())
    assert homes(sandbox) == 0


def test_many_expired_accounts_are_checked_a_few_at_a_time(sandbox: SandboxServer) -> None:
    """The least recently checked come first, so each call continues after the previous one."""
    for number in range(RECHECKS_AT_ONCE + 2):
        make_account(f"expired-{number}", state=AccountState.EXPIRED)
    Account.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    now = timezone.now()
    seen = []
    for _ in range(3):
        recheck_expired(Capability.IMAGE, now)
        seen.append(homes(sandbox))
    assert seen == [RECHECKS_AT_ONCE, RECHECKS_AT_ONCE + 2, RECHECKS_AT_ONCE + 2]
