"""Operators' pages: each opens, each action acts, and no secret comes back out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts.admin import WHAT_TO_DO
from accounts.jobs import check_account
from accounts.models import Account, AccountState, ApiKey, Capability, WhitelistedUser
from accounts.services import find_api_key, issue_api_key
from bingproject.errors import InvalidApiKeyError
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account, make_user, set_capability
from tests.waiting_jobs import forget_jobs, waiting_jobs

pytestmark = pytest.mark.django_db
SECRET = "the-secret-cookie-value-of-anna-wxyz"
Commit = Callable[..., Any]


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """No job of another test."""
    forget_jobs()


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser with an operator logged in."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    return client


def page(operator: Client, name: str, *arguments: Any) -> str:
    """The text of one admin page, which must open."""
    answer = operator.get(reverse(f"admin:accounts_{name}", args=arguments))
    assert answer.status_code == 200
    return answer.content.decode()


def form(account: Account | None = None, /, **changed: Any) -> dict[str, Any]:
    """What the browser sends for an account: as it is, with the changes."""
    fields: dict[str, Any] = {"name": "anna", "is_enabled": "on", "proxy": "", "user_agent": "", "notes": ""}
    rows = list(account.capabilities.order_by("pk")) if account else []
    if account:
        fields |= {"capabilities-TOTAL_FORMS": len(rows), "capabilities-INITIAL_FORMS": len(rows)}
    for index, row in enumerate(rows):
        fields |= {
            f"capabilities-{index}-id": row.pk,
            f"capabilities-{index}-account": row.account_id,
            f"capabilities-{index}-limit": row.limit,
        }
    return fields | changed


def send(operator: Client, page_name: str, /, *arguments: Any, **fields: Any) -> str:
    """Send a form and follow to the page that comes of it."""
    answer = operator.post(reverse(f"admin:accounts_{page_name}", args=arguments), fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def act(operator: Client, model: str, action: str, *rows: Any) -> str:
    """Choose an action for some rows of a list."""
    chosen = [row.pk for row in rows]
    return send(operator, f"{model}_changelist", action=action, _selected_action=chosen)


# --- accounts -------------------------------------------------------------------------------------------------------


def test_the_list_shows_state_and_no_secret(operator: Client) -> None:
    """State with its reason first, the end of the cookie, and what rests for how long."""
    account = make_account("anna", cookie=SECRET)
    account.mark(AccountState.EXPIRED, "Signed out, said Bing.", timezone.now())
    rest = timezone.now() + timedelta(minutes=90)
    set_capability(account, Capability.VIDEO, cooldown_until=rest)
    set_capability(account, Capability.IMAGE, fast_cooldown_until=rest)
    text = page(operator, "account_changelist")
    for shown in ("Expired", "Signed out, said Bing.", "…wxyz", "Videos:", "fast lane:"):
        assert shown in text
    assert SECRET not in text


def test_the_list_can_be_narrowed(operator: Client) -> None:
    """To those cooling down, to a state, to a name."""
    make_account("fine")
    set_capability(make_account("resting"), Capability.IMAGE, cooldown_until=timezone.now() + timedelta(hours=1))
    set_capability(make_account("rested"), Capability.IMAGE, cooldown_until=timezone.now() - timedelta(hours=1))
    make_account("gone", state=AccountState.BLOCKED)
    for query, expected in (("cooling=yes", ["resting"]), ("state__exact=blocked", ["gone"]), ("q=fin", ["fine"])):
        answer = operator.get(f"{reverse('admin:accounts_account_changelist')}?{query}")
        assert [row.name for row in answer.context["cl"].result_list] == expected


@pytest.mark.parametrize(
    "pasted",
    [
        SECRET,
        f"Cookie: MUID=1; _U={SECRET}",
        f'[{{"name": "_U", "value": "{SECRET}", "domain": ".bing.com"}}]',
        f".bing.com\tTRUE\t/\tTRUE\t0\t_U\t{SECRET}",
        f"curl 'https://www.bing.com/' -H 'cookie: _U={SECRET}'",
    ],
    ids=["value", "header", "json", "cookies.txt", "curl"],
)
def test_adding_an_account(operator: Client, pasted: str, django_capture_on_commit_callbacks: Commit) -> None:
    """Any form of cookies is taken; the account is checked by the queue once it is stored."""
    assert "new_cookies" in page(operator, "account_add")
    with django_capture_on_commit_callbacks(execute=True):
        text = send(operator, "account_add", **form(new_cookies=pasted))
    account = Account.objects.get()
    assert account.cookies["_U"] == SECRET
    assert account.capabilities.count() == 3
    assert [job["args"] for job in waiting_jobs()] == [(account.pk,)]
    assert SECRET not in text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"new_cookies": ""}, "An account needs its cookies."),
        ({"new_cookies": f"Cookie: other={SECRET}"}, "_U"),
        ({"new_cookies": SECRET, "proxy": "socks5://localhost:1080"}, "http://name:password@"),
        ({"new_cookies": SECRET, "user_agent": "Möbel/1.0"}, "ASCII"),
        ({"new_cookies": SECRET, "name": ""}, "required"),
    ],
    ids=["none", "no _U", "proxy", "user agent", "name"],
)
def test_a_wrong_form_comes_back_without_the_cookie(operator: Client, changed: dict[str, str], message: str) -> None:
    """The fault is named at its field, nothing is written, and what was pasted is not shown."""
    text = send(operator, "account_add", **form(**changed))
    assert message in text
    assert SECRET not in text
    assert not Account.objects.exists() and not waiting_jobs()


def test_the_change_page_shows_no_secret(operator: Client) -> None:
    """Only the end of the cookie, the state, and the capabilities with their limits."""
    account = make_account("anna", cookie=SECRET)
    account.save_session("A" * 32, {"from_bing": "jar-secret"}, timezone.now())
    account.note_failed_check("Bing is overloaded.", timezone.now())
    text = page(operator, "account_change", account.pk)
    assert "…wxyz" in text and "Bing is overloaded." in text and "capabilities-0-limit" in text
    assert SECRET not in text and "jar-secret" not in text and account.sealed_cookies not in text


def test_changing_an_account_keeps_cookies_and_state(operator: Client) -> None:
    """Without new cookies nothing of what is known of the old ones is lost, and no check is made."""
    account = make_account("anna", cookie=SECRET)
    send(operator, "account_change", account.pk, **form(account, notes="new", proxy="http://proxy:3128"))
    found = Account.objects.get()
    assert (found.notes, found.proxy, found.state) == ("new", "http://proxy:3128", AccountState.OK)
    assert found.cookies["_U"] == SECRET and found.check_wanted_at is None


PROXY = "http://anna:hunter2@proxy:3128"


def test_the_change_page_shows_no_proxy_password(operator: Client) -> None:
    """Saved as it is shown, the page keeps the stored address."""
    account = make_account("anna", proxy=PROXY)
    sealed = account.sealed_proxy
    text = page(operator, "account_change", account.pk)
    assert "http://anna:•••@proxy:3128" in text and "hunter2" not in text
    text = send(operator, "account_change", account.pk, **form(account, proxy="http://anna:•••@proxy:3128"))
    assert "changed successfully" in text and "hunter2" not in text
    assert Account.objects.get().sealed_proxy == sealed


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("http://anna:other@proxy:3128", "http://anna:other@proxy:3128"),
        ("http://elsewhere:1", "http://elsewhere:1"),
        ("", ""),
        ("http://anna:•••@elsewhere:3128", PROXY),
        ("http://anna:hunter2@elsewhere", "http://anna:hunter2@elsewhere"),
    ],
)
def test_changing_a_proxy(operator: Client, typed: str, stored: str) -> None:
    """A new address replaces the old one; a stored password does not move to another host unseen."""
    account = make_account("anna", proxy=PROXY)
    text = send(operator, "account_change", account.pk, **form(account, proxy=typed))
    assert Account.objects.get().proxy == stored
    assert ("Type the whole address" in text) == ("•••@elsewhere" in typed)


def test_a_wrong_form_comes_back_without_the_proxys_password(operator: Client) -> None:
    """Whatever else is wrong with it."""
    text = send(operator, "account_add", **form(new_cookies="", proxy=PROXY))
    assert "An account needs its cookies." in text
    assert "hunter2" not in text


def test_the_pages_say_what_to_do(operator: Client) -> None:
    """Each state has its next step, the list its reason, the index the number of accounts that wait for somebody."""
    assert set(WHAT_TO_DO) == set(AccountState)
    for state, step in WHAT_TO_DO.items():
        account = make_account(state, state=state)
        assert escape(step) in page(operator, "account_change", account.pk)
    assert "Paste its cookies below." in page(operator, "account_change", Account.objects.create(name="bare").pk)
    make_account("off", is_enabled=False, state=AccountState.EXPIRED)
    make_account("fine").note_failed_check("Bing is overloaded.", timezone.now())
    text = page(operator, "account_changelist")
    assert "Disabled by an operator." in text and "Last check failed: Bing is overloaded." in text
    badges = {
        item["title"]: item["badge"]
        for group in operator.get(reverse("admin:index")).context["sidebar_navigation"]
        for item in group["items"]
    }
    assert badges["Accounts"] == "3" and badges["Tasks"] == ""


def test_changing_a_limit(operator: Client) -> None:
    """The limit is the operator's; other columns of the row stay as workers wrote them."""
    account = make_account("anna")
    account.capabilities.update(served_at=timezone.now(), cooldown_count=F("cooldown_count") + 2)
    send(operator, "account_change", account.pk, **form(account, **{"capabilities-0-limit": 0}))
    rows = list(account.capabilities.order_by("pk").values_list("limit", "cooldown_count"))
    assert rows[0] == (0, 2) and all(limit > 0 for limit, _ in rows[1:])
    assert not account.capabilities.filter(served_at=None).exists()


def test_pasting_new_cookies_starts_afresh(operator: Client, django_capture_on_commit_callbacks: Commit) -> None:
    """State unchecked, cool-downs gone, a check queued."""
    account = make_account("anna", state=AccountState.EXPIRED)
    set_capability(account, Capability.IMAGE, cooldown_until=timezone.now() + timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        send(operator, "account_change", account.pk, **form(account, new_cookies=SECRET))
    found = Account.objects.get()
    assert (found.state, found.cookies["_U"]) == (AccountState.UNCHECKED, SECRET)
    assert not found.capabilities.exclude(cooldown_until=None).exists()
    assert len(waiting_jobs()) == 1


@pytest.mark.parametrize("way", ["action", "button"])
def test_check_now(
    operator: Client, sandbox: SandboxServer, way: str, django_capture_on_commit_callbacks: Commit
) -> None:
    """The job is queued; once it has run, the reloaded page shows what came of it."""
    account = make_account("anna", state=AccountState.EXPIRED)
    with django_capture_on_commit_callbacks(execute=True):
        if way == "action":
            text = act(operator, "account", "check_now", account)
        else:
            button = {"accounts_account_save_and_check": "1", "_continue": "1"}
            text = send(operator, "account_change", account.pk, **form(account, **button))
    assert "Reload the page" in text
    assert Account.objects.get().check_wanted_at is not None
    (job,) = waiting_jobs()
    assert (job["func"], job["args"]) == ("accounts.jobs.check_account", (account.pk,))
    check_account(*job["args"])
    assert re.search(r">\s*OK\s*<", page(operator, "account_change", account.pk))


def test_the_change_page_has_the_button(operator: Client) -> None:
    """Checking needs no trip to the list."""
    assert "accounts_account_save_and_check" in page(operator, "account_change", make_account().pk)


def test_actions_on_accounts(operator: Client) -> None:
    """Disable, enable and clear act on the chosen ones and say how many."""
    anna, bert = make_account("anna"), make_account("bert")
    assert "1 disabled." in act(operator, "account", "disable", anna)
    assert list(Account.objects.filter(is_enabled=True)) == [bert]
    assert "1 enabled." in act(operator, "account", "enable", anna, bert)
    assert Account.objects.filter(is_enabled=True).count() == 2
    rest = timezone.now() + timedelta(hours=1)
    for account in (anna, bert):
        set_capability(account, Capability.IMAGE, cooldown_until=rest)
    assert "1 cool-downs cleared." in act(operator, "account", "clear_cooldowns", anna)
    assert not anna.capabilities.exclude(cooldown_until=None).exists()
    assert bert.capabilities.filter(cooldown_until=rest).exists()


def test_an_account_can_be_deleted(operator: Client) -> None:
    """After the question, with its capabilities."""
    account = make_account("anna")
    assert "anna" in page(operator, "account_delete", account.pk)
    send(operator, "account_delete", account.pk, post="yes")
    assert not Account.objects.exists()


# --- whitelisted users and keys -------------------------------------------------------------------------------------


def test_users(operator: Client) -> None:
    """They are added, listed with their keys, changed, and kept out with all keys revoked."""
    send(operator, "whitelisteduser_add", user_id="anna", name="Anna", note="", is_active="on")
    user = WhitelistedUser.objects.get()
    _, text = issue_api_key("anna")
    assert "Anna" in page(operator, "whitelisteduser_changelist")
    assert "anna" in page(operator, "whitelisteduser_change", user.pk)
    assert "1 deactivated." in act(operator, "whitelisteduser", "remove", user)
    user.refresh_from_db()
    assert not user.is_active
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)


def test_a_key_is_shown_exactly_once(operator: Client) -> None:
    """In the answer to issuing it, which no cache may keep; on no other page, in no cookie, in no message."""
    user = make_user("anna")
    make_user("inactive", is_active=False)
    add_page = page(operator, "apikey_add")
    assert "anna" in add_page and "inactive" not in add_page
    answer = operator.post(reverse("admin:accounts_apikey_add"), {"user": user.pk})
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    found = re.search(r'value="(bp_[\w-]{43})"', answer.content.decode())
    assert found is not None
    text = found[1]
    assert find_api_key(text).holder == "user:anna"
    assert text not in str(answer.cookies) and text not in str(dict(operator.session))
    key = ApiKey.objects.get()
    for shown in (
        page(operator, "apikey_changelist"),
        page(operator, "apikey_change", key.pk),
        page(operator, "apikey_history", key.pk),
        page(operator, "whitelisteduser_change", user.pk),
        operator.get(reverse("admin:index")).content.decode(),
    ):
        assert text not in shown and key.key_hash not in shown
    assert f"bp_…{text[-4:]}" in page(operator, "apikey_changelist")


def test_a_key_cannot_be_edited_or_deleted(operator: Client) -> None:
    """The page is there to look at."""
    make_user("anna")
    other = make_user("bert")
    key, _ = issue_api_key("anna")
    assert 'name="user"' not in page(operator, "apikey_change", key.pk)
    for name in ("apikey_change", "apikey_delete"):
        answer = operator.post(reverse(f"admin:accounts_{name}", args=[key.pk]), {"user": other.pk, "post": "yes"})
        assert answer.status_code == 403
    key.refresh_from_db()
    assert key.user.user_id == "anna"


def test_keys_are_revoked(operator: Client) -> None:
    """The chosen ones, at once."""
    make_user("anna")
    (first, text), (second, _) = issue_api_key("anna"), issue_api_key("anna")
    assert "1 revoked." in act(operator, "apikey", "revoke", first)
    with pytest.raises(InvalidApiKeyError):
        find_api_key(text)
    second.refresh_from_db()
    assert second.revoked_at is None


def test_nobody_else_sees_these_pages(client: Client) -> None:
    """Without a log-in every page leads to it."""
    for name in ("account_changelist", "account_add", "apikey_add", "whitelisteduser_changelist"):
        answer = client.get(reverse(f"admin:accounts_{name}"))
        assert answer.status_code == 302 and "/login/" in answer.headers["Location"]
