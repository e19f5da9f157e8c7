"""Accounts of the two Copilots: what each needs, what a paste fills in, and that no secret comes back."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountKind, AccountState, Capability
from tests.accounts.admin.operating import Commit, form, page, send
from tests.accounts.jwts import M365_AUDIENCE, make_jwt
from tests.accounts.pastes import AGENT, OBJECT_ID, TENANT_ID, chathub, curl
from tests.waiting_jobs import waiting_jobs

pytestmark = pytest.mark.django_db

ENCRYPTED = "eyJlbmMiOiJBMjU2R0NNIn0.aaaaaaaaaaaa.bbbbbbbbbbbb.cccccccccccc.dddddddddddd"


def later(seconds: float = 3600) -> int:
    """A moment that is still to come."""
    return int(timezone.now().timestamp() + seconds)


@pytest.mark.usefixtures("own_cluster")
def test_a_consumer_account_from_one_request(operator: Client, django_capture_on_commit_callbacks: Commit) -> None:
    """Token, cookies, clearance and User-Agent come out of one paste; the account may do its one thing, in its pace."""
    token = make_jwt(exp=later())
    with django_capture_on_commit_callbacks(execute=True):
        text = unescape(send(operator, "account_add", **form(kind="copilot", new_cookies=curl(token))))
    account = Account.objects.get()
    assert (account.kind, account.token, account.user_agent) == (AccountKind.COPILOT, token, AGENT)
    assert account.cookies["cf_clearance"] == "clear" and account.clearance_at is not None
    assert account.token_expires_at is not None
    assert [(row.capability, row.limit, row.per_minute, row.burst) for row in account.capabilities.all()] == [
        (Capability.COPILOT, 1, 12, 4)
    ]
    assert [job["args"] for job in waiting_jobs()] == [(account.pk,)]
    assert "A token for Copilot (copilot.microsoft.com)" in text and "the browser's User-Agent" in text
    assert token not in text and "cf_clearance=" not in text


def test_a_consumer_account_needs_its_browser(operator: Client) -> None:
    """A token alone does not say which browser it is from; typed with it, it is taken."""
    token = make_jwt(exp=later())
    text = unescape(send(operator, "account_add", **form(kind="copilot", new_cookies=token)))
    assert "Give the User-Agent of the browser" in text and "Read an access token." in text
    assert token not in text and not Account.objects.exists()
    send(operator, "account_add", **form(kind="copilot", new_cookies=token, user_agent="Mine/1.0"))
    assert Account.objects.get().user_agent == "Mine/1.0"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "copilot"}, "An account needs its access token, or a token command."),
        ({"kind": "copilot", "new_cookies": curl()}, "No access token found."),
        ({"kind": "copilot", "new_cookies": make_jwt(exp=1000)}, "copy a new one."),
        (
            {"kind": "copilot", "new_cookies": make_jwt(aud="https://graph.microsoft.com")},
            "This token is for Microsoft Graph, and not for Copilot",
        ),
        ({"kind": "m365", "new_cookies": make_jwt()}, "and not for Microsoft 365 Copilot"),
        ({"kind": "m365", "new_cookies": ENCRYPTED}, "This token cannot be looked into"),
        ({"kind": "m365", "new_cookies": chathub(ENCRYPTED, "new")}, "Choose the account's licence"),
        ({"kind": "copilot", "token_command": "unnamed", "user_agent": "x"}, "not one of the available choices"),
        ({"kind": "other"}, "not one of the available choices"),
    ],
)
def test_what_is_refused(operator: Client, changed: dict[str, Any], words: str) -> None:
    """In plain words at the field, and without the token."""
    text = unescape(send(operator, "account_add", **form(**changed)))
    assert words in text
    assert not Account.objects.exists()
    assert ".eyJ" not in text


def test_a_microsoft_365_account_from_its_sockets_address(operator: Client) -> None:
    """The address says what its token keeps to itself."""
    text = unescape(send(operator, "account_add", **form(kind="m365", new_cookies=chathub(ENCRYPTED))))
    account = Account.objects.get()
    assert (account.kind, account.token, account.tier) == (AccountKind.M365, ENCRYPTED, "included")
    assert (account.object_id, account.tenant_id) == (OBJECT_ID, TENANT_ID)
    assert "An encrypted token: it does not say" in text and "the object id and tenant id" in text
    assert ENCRYPTED not in text


def test_what_an_encrypted_token_keeps_to_itself_can_be_typed(operator: Client) -> None:
    """Object id, tenant id and licence."""
    typed = {"object_id": OBJECT_ID, "tenant_id": TENANT_ID, "tier": "edu"}
    send(operator, "account_add", **form(kind="m365", new_cookies=ENCRYPTED, **typed))
    account = Account.objects.get()
    assert (account.object_id, account.tenant_id, account.tier) == (OBJECT_ID, TENANT_ID, "edu")


def test_a_token_command_is_a_name(operator: Client, settings: Settings) -> None:
    """The page offers names; the program and its arguments are nowhere on it."""
    settings.TOKEN_COMMANDS = {"work": ("/opt/secret-tool", "--password", "hunter2")}
    shown = page(operator, "account_add")
    assert '<option value="work">work</option>' in shown
    send(operator, "account_add", **form(kind="m365", token_command="work", tier="enterprise"))
    account = Account.objects.get()
    assert (account.token_command, account.token) == ("work", "")
    settings.TOKEN_COMMANDS = {}
    shown = page(operator, "account_change", account.pk)
    assert "work (not named now)" in shown
    send(operator, "account_change", account.pk, **form(account, notes="kept"))
    account.refresh_from_db()
    assert (account.token_command, account.notes) == ("work", "kept")
    assert "secret-tool" not in shown and "hunter2" not in shown


def test_a_new_token_keeps_the_rest(operator: Client) -> None:
    """Of an account with cookies a new token alone leaves cookies, clearance and browser as they are."""
    send(operator, "account_add", **form(kind="copilot", new_cookies=curl(make_jwt(exp=later()))))
    account = Account.objects.get()
    account.mark(AccountState.EXPIRED, "refused", timezone.now())
    new = make_jwt(exp=later(7200))
    send(operator, "account_change", account.pk, **form(account, new_cookies=new))
    found = Account.objects.get()
    assert (found.token, found.cookies, found.clearance_at) == (new, account.cookies, account.clearance_at)
    assert (found.state, found.user_agent, found.kind) == (AccountState.UNCHECKED, AGENT, AccountKind.COPILOT)


def test_new_clearance_alone_after_a_challenge(operator: Client) -> None:
    """Cookies and User-Agent of the browser that passed it are enough: the token stays, the state starts anew."""
    token = make_jwt(exp=later())
    send(operator, "account_add", **form(kind="copilot", new_cookies=curl(token)))
    account = Account.objects.get()
    account.mark(AccountState.CHALLENGED, "Copilot wants a human.", timezone.now())
    send(
        operator, "account_change", account.pk,
        **form(account, new_cookies=curl("", "cf_clearance=new", "Newer/2.0")),
    )  # fmt: skip
    found = Account.objects.get()
    assert (found.token, found.cookies, found.user_agent) == (token, {"cf_clearance": "new"}, "Newer/2.0")
    assert found.state == AccountState.UNCHECKED
    assert found.clearance_at is not None and account.clearance_at is not None
    assert found.clearance_at > account.clearance_at


def test_the_kind_is_chosen_once(operator: Client) -> None:
    """What the form says of it later changes nothing."""
    send(operator, "account_add", **form(kind="copilot", new_cookies=curl(make_jwt(exp=later()))))
    account = Account.objects.get()
    send(operator, "account_change", account.pk, **form(account, kind="bing"))
    assert Account.objects.get().kind == AccountKind.COPILOT


def test_claims_of_a_readable_token_fill_the_place(operator: Client) -> None:
    """Object and tenant need no typing when the token says them."""
    token = make_jwt(aud=M365_AUDIENCE, scp="M365Chat.Read", oid="o-1", tid="t-1", exp=later())
    send(operator, "account_add", **form(kind="m365", new_cookies=token, tier="enterprise"))
    account = Account.objects.get()
    assert (account.object_id, account.tenant_id) == ("o-1", "t-1")
