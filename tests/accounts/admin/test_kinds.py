"""Accounts of the two Copilots: required and filled-in fields; no secret is shown again."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import Settings

from accounts.admin.instructions import conditional_fields, fields_of_other_kinds, help_text_of
from accounts.models import Account, AccountKind, AccountState, Capability
from tests.accounts.admin.operating import Commit, form, page, send
from tests.accounts.microsoft.jwts import M365_AUDIENCE, make_jwt
from tests.accounts.microsoft.pastes import AGENT, OBJECT_ID, TENANT_ID, chathub, curl, har
from tests.factories import make_account
from tests.waiting_jobs import waiting_jobs

pytestmark = pytest.mark.django_db

ENCRYPTED = "eyJlbmMiOiJBMjU2R0NNIn0.aaaaaaaaaaaa.bbbbbbbbbbbb.cccccccccccc.dddddddddddd"


def later(seconds: float = 3600) -> int:
    """Return a future time."""
    return int(timezone.now().timestamp() + seconds)


@pytest.mark.usefixtures("own_cluster")
def test_a_consumer_account_from_one_request(operator: Client, django_capture_on_commit_callbacks: Commit) -> None:
    """One paste has token, cookies, clearance and User-Agent; the account gets its one capability and pace."""
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
    """A token alone does not contain the User-Agent, which can be typed."""
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
        ({"kind": "copilot", "new_cookies": "hello"}, "No access token found."),
        ({"kind": "copilot", "new_cookies": curl()}, "export the HAR after that"),
        ({"kind": "copilot", "new_cookies": make_jwt(exp=1000)}, "copy a new one."),
        (
            {"kind": "copilot", "new_cookies": make_jwt(aud="https://graph.microsoft.com")},
            "This token is for Microsoft Graph, and not for Copilot",
        ),
        ({"kind": "m365", "new_cookies": make_jwt()}, "and not for Microsoft 365 Copilot"),
        ({"kind": "m365", "new_cookies": ENCRYPTED}, "This token cannot be read"),
        ({"kind": "m365", "new_cookies": chathub(ENCRYPTED, "new")}, "Choose the account's licence"),
        ({"kind": "copilot", "token_command": "unnamed", "user_agent": "x"}, "not one of the available choices"),
        ({"kind": "other"}, "not one of the available choices"),
    ],
)
def test_invalid_credentials_are_refused(operator: Client, changed: dict[str, Any], words: str) -> None:
    """The error is at the field, and does not contain the token."""
    text = unescape(send(operator, "account_add", **form(**changed)))
    assert words in text
    assert not Account.objects.exists()
    assert ".eyJ" not in text


def test_cookies_without_a_token(operator: Client, settings: Settings) -> None:
    """Of a page on which nobody has chatted: the form says what there is, what is missing and where that comes from.

    A token command brings it as well.
    """
    settings.TOKEN_COMMANDS = {"work": ("/opt/tool",)}
    paste = har("https://copilot.microsoft.com/", {"User-Agent": AGENT, "Cookie": "cf_clearance=clear; MUID=1"})
    text = unescape(send(operator, "account_add", **form(kind="copilot", new_cookies=paste)))
    assert "Read a HAR: 2 cookies of copilot.microsoft.com, but no access token" in text
    assert "Send a message" in text and "chat?api-version=2…" in text
    assert not Account.objects.exists()
    send(operator, "account_add", **form(kind="copilot", new_cookies=paste, token_command="work"))
    account = Account.objects.get()
    assert (account.token_command, account.cookies) == ("work", {"cf_clearance": "clear", "MUID": "1"})


# What an operator may have typed before the kind was changed.
TYPED = {
    "token_command": "work",
    "identity_type": "google",
    "object_id": OBJECT_ID,
    "tenant_id": TENANT_ID,
    "tier": "edu",
    "user_agent": "Mine/1.0",
}
WRONG = {"token_command": "unnamed", "identity_type": "x" * 13, "object_id": "x" * 41, "tier": "none"}


@pytest.mark.parametrize("is_wrong", [False, True], ids=["right", "wrong"])
@pytest.mark.parametrize(
    ("kind", "pasted", "kept"),
    [
        ("bing", "0123456789abcdef", ()),
        ("copilot", make_jwt(), ("token_command", "identity_type")),
        ("m365", ENCRYPTED, ("token_command", "object_id", "tenant_id", "tier")),
    ],
)
def test_values_for_another_kind_are_ignored(
    operator: Client, settings: Settings, kind: str, pasted: str, kept: tuple[str, ...], is_wrong: bool
) -> None:
    """Its fields are hidden: valid values are not stored, and invalid ones are no invisible error."""
    settings.TOKEN_COMMANDS = {"work": ("/opt/tool",)}
    own = {name: value for name, value in TYPED.items() if name in (*kept, "user_agent")}
    typed = (TYPED | WRONG if is_wrong else TYPED) | own
    text = send(operator, "account_add", **form(kind=kind, new_cookies=pasted, **typed))
    assert "was added successfully" in text
    account = Account.objects.get()
    assert {name: getattr(account, name) for name in TYPED} == dict.fromkeys(TYPED, "") | own


def test_the_add_page_shows_the_fields_of_the_chosen_kind(operator: Client) -> None:
    """By the theme's conditions; a browser without scripts shows all fields."""
    text = page(operator, "account_add")
    for name, when in conditional_fields().items():
        assert f'x-show="{escape(when)}"' in text and f'name="{name}"' in text
    assert "display: none" not in text and "display:none" not in text


@pytest.mark.parametrize("chosen", AccountKind)
def test_a_form_that_comes_back_shows_its_kind(operator: Client, chosen: AccountKind) -> None:
    """It stays selected, and no error is at a field that it does not have."""
    answer = operator.post(reverse("admin:accounts_account_add"), form(kind=chosen.value, name="", tier="x" * 13))
    shown = answer.context["adminform"].form
    assert re.findall(r'<option value="(\w+)" selected>', answer.content.decode())[0] == chosen.value
    assert "name" in shown.errors and not set(fields_of_other_kinds(chosen.value)) & set(shown.errors)


@pytest.mark.parametrize("kind", AccountKind)
def test_an_accounts_page_has_the_help_texts_of_its_kind(operator: Client, kind: AccountKind) -> None:
    """It has no texts of other kinds, and no conditional fields."""
    account = make_account("anna", kind=kind)
    text = unescape(page(operator, "account_change", account.pk))
    assert [other for other in AccountKind if help_text_of("new_cookies", other.value) in text] == [kind]
    assert "kind ==" not in text and "<noscript>" not in text


def test_a_microsoft_365_account_from_its_sockets_address(operator: Client) -> None:
    """The address contains what its opaque token does not show."""
    text = unescape(send(operator, "account_add", **form(kind="m365", new_cookies=chathub(ENCRYPTED))))
    account = Account.objects.get()
    assert (account.kind, account.token, account.tier) == (AccountKind.M365, ENCRYPTED, "included")
    assert (account.object_id, account.tenant_id) == (OBJECT_ID, TENANT_ID)
    assert "An encrypted token: it does not show which service" in text and "the object id and tenant id" in text
    assert ENCRYPTED not in text


def test_fields_that_an_opaque_token_hides_can_be_typed(operator: Client) -> None:
    """Object id, tenant id and licence."""
    typed = {"object_id": OBJECT_ID, "tenant_id": TENANT_ID, "tier": "edu"}
    send(operator, "account_add", **form(kind="m365", new_cookies=ENCRYPTED, **typed))
    account = Account.objects.get()
    assert (account.object_id, account.tenant_id, account.tier) == (OBJECT_ID, TENANT_ID, "edu")


def test_a_token_command_is_a_name(operator: Client, settings: Settings) -> None:
    """The page offers names; it never contains the program or its arguments."""
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
    """Cookies, clearance and User-Agent stay as they are."""
    send(operator, "account_add", **form(kind="copilot", new_cookies=curl(make_jwt(exp=later()))))
    account = Account.objects.get()
    account.mark(AccountState.EXPIRED, "refused", timezone.now())
    new = make_jwt(exp=later(7200))
    send(operator, "account_change", account.pk, **form(account, new_cookies=new))
    found = Account.objects.get()
    assert (found.token, found.cookies, found.clearance_at) == (new, account.cookies, account.clearance_at)
    assert (found.state, found.user_agent, found.kind) == (AccountState.UNCHECKED, AGENT, AccountKind.COPILOT)


def test_new_clearance_alone_after_a_challenge(operator: Client) -> None:
    """Cookies and User-Agent of the browser that passed it are enough: the token stays, the state is reset."""
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
    """A later change in the form is ignored."""
    send(operator, "account_add", **form(kind="copilot", new_cookies=curl(make_jwt(exp=later()))))
    account = Account.objects.get()
    send(operator, "account_change", account.pk, **form(account, kind="bing"))
    assert Account.objects.get().kind == AccountKind.COPILOT


def test_claims_of_a_readable_token_fill_in_the_ids(operator: Client) -> None:
    """Object and tenant id need no typing."""
    token = make_jwt(aud=M365_AUDIENCE, scp="M365Chat.Read", oid="o-1", tid="t-1", exp=later())
    send(operator, "account_add", **form(kind="m365", new_cookies=token, tier="enterprise"))
    account = Account.objects.get()
    assert (account.object_id, account.tenant_id) == ("o-1", "t-1")
