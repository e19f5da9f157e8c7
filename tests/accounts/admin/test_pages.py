"""Pages and actions of accounts; no secret is shown again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts.admin.credentials import what_to_do
from accounts.jobs import check_account
from accounts.models import Account, AccountState, Capability
from bingproject.sandbox.server import SandboxServer
from tests.accounts.admin.operating import SECRET, Commit, act, form, page, send
from tests.factories import make_account, set_capability
from tests.waiting_jobs import waiting_jobs

pytestmark = pytest.mark.django_db


def test_the_list_shows_state_and_no_secret(operator: Client) -> None:
    """State and reason first, the end of the cookie, and cooldowns."""
    account = make_account("anna", cookie=SECRET)
    account.mark(AccountState.EXPIRED, "Signed out, said Bing.", timezone.now())
    rest = timezone.now() + timedelta(minutes=90)
    set_capability(account, Capability.VIDEO, cooldown_until=rest)
    set_capability(account, Capability.IMAGE, fast_cooldown_until=rest)
    text = page(operator, "account_changelist")
    for shown in ("Expired", "Signed out, said Bing.", "…wxyz", "Videos:", "fast lane:"):
        assert shown in text
    assert SECRET not in text


def test_the_list_can_be_filtered(operator: Client) -> None:
    """By cooldown, state and name."""
    make_account("fine")
    set_capability(make_account("resting"), Capability.IMAGE, cooldown_until=timezone.now() + timedelta(hours=1))
    set_capability(make_account("rested"), Capability.IMAGE, cooldown_until=timezone.now() - timedelta(hours=1))
    make_account("gone", state=AccountState.BLOCKED)
    for query, expected in (("cooling=yes", ["resting"]), ("state__exact=blocked", ["gone"]), ("q=fin", ["fine"])):
        answer = operator.get(f"{reverse('admin:accounts_account_changelist')}?{query}")
        assert [row.name for row in answer.context["cl"].result_list] == expected


def test_the_change_page_shows_no_secret(operator: Client) -> None:
    """Only the end of the cookie, the state, and the capabilities with their limits."""
    account = make_account("anna", cookie=SECRET)
    account.save_session("A" * 32, {"from_bing": "jar-secret"}, timezone.now())
    account.note_failed_check("Bing is overloaded.", timezone.now())
    text = page(operator, "account_change", account.pk)
    assert "…wxyz" in text and "Bing is overloaded." in text and "capabilities-0-limit" in text
    assert SECRET not in text and "jar-secret" not in text and account.encrypted_cookies not in text


def test_changing_an_account_keeps_cookies_and_state(operator: Client) -> None:
    """Without new cookies, the state stays and no check is requested."""
    account = make_account("anna", cookie=SECRET)
    send(operator, "account_change", account.pk, **form(account, notes="new", proxy="http://proxy:3128"))
    found = Account.objects.get()
    assert (found.notes, found.proxy, found.state) == ("new", "http://proxy:3128", AccountState.OK)
    assert found.cookies["_U"] == SECRET and found.check_wanted_at is None


def test_the_pages_show_the_next_step(operator: Client) -> None:
    """Each state has a next step, the list a reason, the menu the number of accounts that need an operator."""
    steps = set()
    for state in AccountState.values:
        account = make_account(state, state=state)
        assert escape(what_to_do(account)) in page(operator, "account_change", account.pk)
        steps.add(what_to_do(account))
    assert len(steps) == len(AccountState)
    assert "paste its cookies below." in page(operator, "account_change", Account.objects.create(name="bare").pk)
    make_account("off", is_enabled=False, state=AccountState.EXPIRED)
    make_account("fine").note_failed_check("Bing is overloaded.", timezone.now())
    text = page(operator, "account_changelist")
    assert (
        "Expired, disabled" in text
        and "Disabled by an operator." in text
        and "Last check failed: Bing is overloaded." in text
    )
    badges = {
        item["title"]: item["badge"]
        for group in operator.get(reverse("admin:index")).context["sidebar_navigation"]
        for item in group["items"]
    }
    assert badges["Accounts"] == "3" and badges["Tasks"] == ""


def test_changing_a_limit(operator: Client) -> None:
    """Only limit and pace are written; the other columns stay as workers wrote them."""
    account = make_account("anna")
    account.capabilities.update(served_at=timezone.now(), cooldown_count=F("cooldown_count") + 2)
    changed = {"capabilities-0-limit": 0, "capabilities-0-per_minute": 6, "capabilities-0-burst": 2}
    send(operator, "account_change", account.pk, **form(account, **changed))
    rows = list(account.capabilities.order_by("pk").values_list("limit", "cooldown_count", "per_minute", "burst"))
    assert rows[0] == (0, 2, 6, 2) and all(row[0] > 0 and row[2:] == (None, 1) for row in rows[1:])
    assert not account.capabilities.filter(served_at=None).exists()


@pytest.mark.usefixtures("own_cluster")
def test_new_cookies_reset_the_state(operator: Client, django_capture_on_commit_callbacks: Commit) -> None:
    """The state is unchecked, cooldowns have ended, a check is queued."""
    account = make_account("anna", state=AccountState.EXPIRED)
    set_capability(account, Capability.IMAGE, cooldown_until=timezone.now() + timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        send(operator, "account_change", account.pk, **form(account, new_cookies=SECRET))
    found = Account.objects.get()
    assert (found.state, found.cookies["_U"]) == (AccountState.UNCHECKED, SECRET)
    assert not found.capabilities.exclude(cooldown_until=None).exists()
    assert len(waiting_jobs()) == 1


@pytest.mark.usefixtures("own_cluster")
@pytest.mark.parametrize("way", ["action", "button"])
def test_check_now(
    operator: Client, sandbox: SandboxServer, way: str, settings: Any, django_capture_on_commit_callbacks: Commit
) -> None:
    """The job is queued; once it has run, the reloaded page shows the result."""
    settings.CHECK_WAIT_SECONDS = 0.1
    account = make_account("anna", state=AccountState.EXPIRED)
    with django_capture_on_commit_callbacks(execute=True):
        if way == "action":
            text = act(operator, "account", "check_now", account)
        else:
            button = {"accounts_account_save_and_check": "1", "_continue": "1"}
            text = send(operator, "account_change", account.pk, **form(account, **button))
    assert "1 still running: reload the page" in text
    assert Account.objects.get().check_wanted_at is not None
    (job,) = waiting_jobs()
    assert (job["func"], job["args"]) == ("accounts.jobs.check_account", (account.pk,))
    check_account(*job["args"])
    text = page(operator, "account_change", account.pk)
    assert re.search(r">\s*OK\s*<", text)
    assert "Works: Signed in" in text and "Cannot tell without opening a conversation." in text


def test_the_change_page_has_a_check_button(operator: Client) -> None:
    """The list is not needed for a check."""
    assert "accounts_account_save_and_check" in page(operator, "account_change", make_account().pk)


def test_actions_on_accounts(operator: Client) -> None:
    """Disable, enable and clear act on the selected accounts and report their number."""
    anna, bert = make_account("anna"), make_account("bert")
    assert "1 disabled." in act(operator, "account", "disable", anna)
    assert list(Account.objects.filter(is_enabled=True)) == [bert]
    assert "1 enabled." in act(operator, "account", "enable", anna, bert)
    assert Account.objects.filter(is_enabled=True).count() == 2
    rest = timezone.now() + timedelta(hours=1)
    for account in (anna, bert):
        set_capability(account, Capability.IMAGE, cooldown_until=rest)
    assert "1 cooldowns cleared." in act(operator, "account", "clear_cooldowns", anna)
    assert not anna.capabilities.exclude(cooldown_until=None).exists()
    assert bert.capabilities.filter(cooldown_until=rest).exists()


def test_an_account_can_be_deleted(operator: Client) -> None:
    """After a confirmation, with its capabilities."""
    account = make_account("anna")
    assert "anna" in page(operator, "account_delete", account.pk)
    send(operator, "account_delete", account.pk, post="yes")
    assert not Account.objects.exists()


# --- whitelisted users and keys -------------------------------------------------------------------------------------


def test_the_pages_require_a_login(client: Client) -> None:
    """Without a session, every page redirects to the log-in."""
    for name in ("account_changelist", "account_add", "apikey_add", "whitelisteduser_changelist"):
        answer = client.get(reverse(f"admin:accounts_{name}"))
        assert answer.status_code == 302 and "/login/" in answer.headers["Location"]


def test_a_viewer(client: Client) -> None:
    """List and page open without a secret, an input or an action."""
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=("view_account", "view_accountcapability")))
    client.force_login(viewer)
    account = make_account("anna", cookie=SECRET, proxy="http://anna:hunter2@proxy:3128")
    for text in (page(client, "account_changelist"), page(client, "account_change", account.pk)):
        assert "anna" in text and SECRET not in text and "hunter2" not in text
        assert 'name="new_cookies"' not in text and "check-all" not in text and "save_and_check" not in text
    assert client.get(reverse("admin:accounts_account_check_all")).status_code == 403
