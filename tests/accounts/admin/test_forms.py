"""The form of an account: valid and invalid input; no secret is shown again."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.admin.credentials import UNDECRYPTABLE
from accounts.admin.forms import GONE, PASTE_LIMIT_BYTES
from accounts.admin.kinds import AccountForm
from accounts.models import Account, AccountState
from tests.accounts.admin.operating import SECRET, Commit, form, page, send
from tests.accounts.microsoft.protocol.test_paste_formats import entry, har
from tests.factories import make_account, make_undecryptable
from tests.waiting_jobs import waiting_jobs

pytestmark = pytest.mark.django_db


EXPORT = [{"name": name, "value": value, "domain": ".bing.com"} for name, value in (("_U", SECRET), ("MUID", "other"))]


@pytest.mark.parametrize(
    "pasted",
    [
        SECRET,
        f"Cookie: MUID=1; _U={SECRET}",
        json.dumps(EXPORT),
        f".bing.com\tTRUE\t/\tTRUE\t0\t_U\t{SECRET}",
        f"curl 'https://www.bing.com/' -H 'cookie: _U={SECRET}'",
        f'curl ^"https://www.bing.com/^" ^\r\n -b ^"_U={SECRET}^"',
        har(entry("https://www.bing.com/", f"_U={SECRET}")),
    ],
    ids=["value", "header", "json", "cookies.txt", "curl", "curl of cmd", "har"],
)
@pytest.mark.usefixtures("own_cluster")
@pytest.mark.parametrize("is_upload", [False, True], ids=["pasted", "uploaded"])
def test_adding_an_account(
    operator: Client, pasted: str, is_upload: bool, django_capture_on_commit_callbacks: Commit
) -> None:
    """Cookies are accepted in any format and described; the queue checks the stored account."""
    assert "new_cookies" in page(operator, "account_add")
    given = {"cookies_file": upload(pasted)} if is_upload else {"new_cookies": pasted}
    with django_capture_on_commit_callbacks(execute=True):
        text = send(operator, "account_add", **form(**given))
    account = Account.objects.get()
    assert account.cookies["_U"] == SECRET
    assert account.capabilities.count() == 3
    assert [job["args"] for job in waiting_jobs()] == [(account.pk,)]
    assert "of bing.com: _U" in text and "_U is what signs in." in text
    assert SECRET not in text


def upload(content: str | bytes) -> SimpleUploadedFile:
    """Return a file as the browser sends it."""
    return SimpleUploadedFile("cookies", content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"new_cookies": ""}, "new_cookies", "An account needs its cookies."),
        (
            {"new_cookies": f"Cookie: other={SECRET}"},
            "new_cookies",
            "But _U, which is what signs in, is not among them.",
        ),
        ({"new_cookies": f"two words {SECRET}"}, "new_cookies", "No usable Bing cookie found."),
        ({"new_cookies": f"{SECRET}\0"}, "new_cookies", "Null characters are not allowed."),
        (
            {"new_cookies": json.dumps(EXPORT).replace("bing.com", "example.com")},
            "new_cookies",
            "cookies of example.com",
        ),
        ({"new_cookies": json.dumps(EXPORT)[:-9]}, "new_cookies", "breaks off or is damaged"),
        ({"new_cookies": f".bing.com\tTRUE\t/\tTRUE\t1\t_U\t{SECRET}"}, "new_cookies", "expired on 1970-01-01"),
        ({"cookies_file": upload("")}, "cookies_file", "This file is empty."),
        ({"cookies_file": upload(b"\xff\xd8\xff\xe0" + SECRET.encode())}, "cookies_file", "No usable Bing cookie"),
        ({"cookies_file": upload(f"MUID={SECRET}"), "new_cookies": SECRET}, "cookies_file", "Either paste cookies or"),
        ({"new_cookies": SECRET, "proxy": "socks5://localhost:1080"}, "proxy", "does not begin with http"),
        ({"new_cookies": SECRET, "proxy": f"http://anna:{SECRET}@"}, "proxy", "This address names no host."),
        ({"new_cookies": SECRET, "proxy": f"http://proxy:3128:anna:{SECRET}"}, "proxy", "cannot be read"),
        ({"new_cookies": SECRET, "user_agent": "Möbel/1.0"}, "user_agent", "ASCII"),
        ({"new_cookies": SECRET, "name": ""}, "name", "required"),
        ({"new_cookies": SECRET, "name": "taken"}, "name", "already exists"),
    ],
)
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "rotated"])
def test_a_wrong_form_comes_back_without_its_secrets(
    operator: Client, changed: dict[str, Any], field: str, message: str, is_new: bool
) -> None:
    """The error is at its field, nothing is written, other values stay, and lost secrets are reported."""
    make_account("taken")
    account = None if is_new else make_account("anna", cookie="as-it-was")
    if not is_new and changed == {"new_cookies": ""}:
        return  # an account that has cookies needs no new ones
    for given in changed.values():
        if isinstance(given, SimpleUploadedFile):
            given.seek(0)
    fields = form(account, **({"notes": "typed words", "user_agent": "Typed/1.0"} | changed))
    address = ("account_add",) if account is None else ("account_change", account.pk)
    answer = operator.post(reverse(f"admin:accounts_{address[0]}", args=address[1:]), fields)
    shown = answer.context["adminform"].form
    text = answer.content.decode()
    assert message in unescape(str(shown.errors[field]))
    assert SECRET not in text
    assert "typed words" in text and ("Typed/1.0" in text or "user_agent" in changed)
    if "new_cookies" not in shown.errors and changed.get("new_cookies") == SECRET:
        pytest.fail("cookies that are gone from the page are not said to be")
    assert Account.objects.count() == (1 if is_new else 2) and not waiting_jobs()
    assert is_new or Account.objects.get(name="anna").cookies == {"_U": "as-it-was"}


def test_lost_secrets_are_described(operator: Client) -> None:
    """With an invalid name, the page says which cookies and which proxy it has dropped."""
    make_account("taken")
    proxy = "http://anna:hunter2@proxy:3128"
    text = unescape(send(operator, "account_add", **form(name="taken", new_cookies=SECRET, proxy=proxy)))
    assert f"{GONE} Found 1 cookie of bing.com: _U. _U is what signs in." in text
    assert f"{GONE} Found: an address of proxy:3128 with a name and a password." in text
    assert "hunter2" not in text and SECRET not in text
    text = unescape(send(operator, "account_add", **form(name="taken", new_cookies=SECRET, proxy="http://plain:3128")))
    assert 'value="http://plain:3128"' in text and "Found: an address" not in text


def test_an_error_in_a_capability_reports_lost_secrets(operator: Client) -> None:
    """The form itself was valid; the page says that the cookies are lost."""
    account = make_account("anna", cookie="as-it-was")
    fields = form(account, new_cookies=SECRET, **{"capabilities-0-limit": "many"})
    text = unescape(send(operator, "account_change", account.pk, **fields))
    assert f"{GONE} Found 1 cookie" in text and SECRET not in text
    assert Account.objects.get().cookies == {"_U": "as-it-was"}


def test_a_file_in_another_encoding_is_read(operator: Client) -> None:
    """As Windows' editor can save it."""
    send(operator, "account_add", **form(cookies_file=upload(f"_U={SECRET}; MUID=1".encode("utf-16"))))
    assert Account.objects.get().cookies == {"_U": SECRET, "MUID": "1"}


def test_a_file_above_the_limit_is_an_error_at_its_field() -> None:
    """If the request limit has let it through."""
    large = upload("x")
    large.size = PASTE_LIMIT_BYTES + 1
    shown = AccountForm({"name": "anna"}, {"cookies_file": large})
    assert "up to 32 MiB" in str(shown.errors["cookies_file"])


PROXY = "http://anna:hunter2@proxy:3128"


def test_the_change_page_shows_no_proxy_password(operator: Client) -> None:
    """Saving the page as shown keeps the stored address."""
    account = make_account("anna", proxy=PROXY)
    encrypted = account.encrypted_proxy
    text = page(operator, "account_change", account.pk)
    assert "http://anna:•••@proxy:3128" in text and "hunter2" not in text
    text = send(operator, "account_change", account.pk, **form(account, proxy="http://anna:•••@proxy:3128"))
    assert "changed successfully" in text and "hunter2" not in text
    assert Account.objects.get().encrypted_proxy == encrypted


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
    """A new address replaces the old one; a stored password is not sent to another host."""
    account = make_account("anna", proxy=PROXY)
    text = send(operator, "account_change", account.pk, **form(account, proxy=typed))
    assert Account.objects.get().proxy == stored
    assert ("Type the whole address" in text) == ("•••@elsewhere" in typed)


def test_a_wrong_form_comes_back_without_the_proxys_password(operator: Client) -> None:
    """Whatever the error."""
    text = send(operator, "account_add", **form(new_cookies="", proxy=PROXY))
    assert "An account needs its cookies." in text
    assert "hunter2" not in text


@pytest.mark.usefixtures("own_cluster")
def test_an_undecryptable_proxy(operator: Client, django_capture_on_commit_callbacks: Commit) -> None:
    """The page opens and says so; saving it as shown keeps the row, and a new address replaces the proxy."""
    account = make_account("anna", proxy=PROXY, state=AccountState.EXPIRED)
    make_undecryptable(account, "encrypted_proxy", "encrypted_cookies")
    text = page(operator, "account_change", account.pk)
    assert f'value="{UNDECRYPTABLE}"' in text and "cookies and proxy again" in text
    send(operator, "account_change", account.pk, **form(account, proxy=UNDECRYPTABLE, notes="seen"))
    kept = Account.objects.get()
    assert (kept.encrypted_proxy, kept.notes) == (account.encrypted_proxy, "seen")
    with django_capture_on_commit_callbacks(execute=True):
        send(operator, "account_change", account.pk, **form(account, proxy="http://elsewhere:1"))
    assert Account.objects.get().proxy == "http://elsewhere:1"
    assert [job["args"] for job in waiting_jobs()] == [(account.pk,)]
    send(operator, "account_change", account.pk, **form(account, proxy="http://elsewhere:1", new_cookies=SECRET))
    assert Account.objects.get().undecryptable == []
