"""Import of accounts from a table: new, changed, unchanged, wrong; all or nothing; no secret in a message."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.admin.account_table import (
    COLUMNS,
    MOST_ROWS,
    Plan,
    format_faults,
    join_credentials,
    plan_import,
    write_plan,
)
from accounts.admin.tables import UnreadableFileError
from accounts.models import Account, AccountState
from bingproject.sandbox.providers import make_token
from tests.accounts.microsoft.pastes import AGENT, chathub, curl
from tests.factories import make_account, make_token_account, make_undecryptable

pytestmark = pytest.mark.django_db
COOKIE = "a-cookie-of-bing-0123456789-0123456789-0123456789"
PROXY = "http://user:hunter2@proxy.example.org:3128"


def plan(*rows: dict[str, str]) -> Plan:
    """Return the plan of a table with these rows; the first row has the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return plan_import(text.getvalue().encode())


def counts(found: Plan) -> tuple[int, ...]:
    """Return the numbers of new, changed, unchanged and wrong rows."""
    return tuple(found.counts.values())


def token_of(kind: str, name: str = "x") -> str:
    """Return a token that expires in an hour."""
    return make_token(kind, name, timezone.now().timestamp() + 3600)


def test_accounts_of_all_kinds_are_added() -> None:
    """From cookies in any format, a token, a token with cookies, or a socket's address."""
    tokens = {kind: token_of(kind) for kind in ("copilot", "m365")}
    empty = dict.fromkeys(COLUMNS, "")
    rows: tuple[dict[str, str], ...] = (
        empty | {"name": "value", "cookies": COOKIE, "proxy": PROXY, "notes": "first"},
        empty | {"name": "header", "kind": "BING", "cookies": f"Cookie: MUID=1; _U={COOKIE}", "is_enabled": "no"},
        empty | {"name": "copied", "kind": "copilot", "cookies": curl(tokens["copilot"])},
        empty | {
            "name": "both", "kind": "copilot", "cookies": "cf_clearance=clear; MUID=1", "token": tokens["copilot"],
            "user_agent": AGENT,
        },
        empty | {"name": "work", "kind": "m365", "token": chathub(tokens["m365"]), "tier": "included"},
    )  # fmt: skip
    found = plan(*rows)
    assert counts(found) == (5, 0, 0, 0), found.shown
    assert not Account.objects.exists()
    write_plan(found, timezone.now())
    accounts = {account.name: account for account in Account.objects.all()}
    assert accounts["value"].cookies == {"_U": COOKIE} and accounts["value"].proxy == PROXY
    assert accounts["header"].cookies == {"_U": COOKIE, "MUID": "1"} and not accounts["header"].is_enabled
    for name in ("copied", "both"):
        assert accounts[name].token == tokens["copilot"] and accounts[name].user_agent == AGENT
        assert accounts[name].cookies == {"cf_clearance": "clear", "MUID": "1"}
        assert accounts[name].clearance_at is not None
    assert accounts["work"].token == tokens["m365"] and accounts["work"].tier == "included"
    assert accounts["work"].object_id and accounts["work"].tenant_id
    assert [account.capabilities.count() for account in accounts.values()] == [1, 1, 3, 3, 1]
    assert Account.objects.filter(check_wanted_at=None).count() == 0
    assert counts(plan(*rows)) == (0, 0, 5, 0), plan(*rows).shown


def test_columns_that_the_table_does_not_name_stay() -> None:
    """Empty cells change nothing either; the preview shows changes, of secrets only that they change."""
    account = make_account("anna", cookie=COOKIE, notes="old", proxy=PROXY, user_agent="Agent/1")
    found = plan({"name": "anna", "cookies": "", "notes": "new"})
    assert found.shown == [["2", "anna", "changed", "notes: old → new"]]
    write_plan(found, timezone.now())
    account.refresh_from_db()
    assert (account.notes, account.cookies, account.proxy) == ("new", {"_U": COOKIE}, PROXY)
    assert (account.user_agent, account.state) == ("Agent/1", AccountState.OK)
    found = plan({"name": "anna", "proxy": "http://other:1", "is_enabled": "false", "user_agent": "Agent/2"})
    assert found.shown[0][3] == "proxy: another; user_agent: Agent/1 → Agent/2; is_enabled: true → false"
    write_plan(found, timezone.now())
    account.refresh_from_db()
    assert (account.proxy, account.is_enabled, account.user_agent) == ("http://other:1", False, "Agent/2")
    assert counts(plan(dict.fromkeys(COLUMNS, "") | {"name": "anna"})) == (0, 0, 1, 0)


def test_only_new_credentials_reset_the_state() -> None:
    """The same cookies keep it."""
    account = make_account("anna", cookie=COOKIE, state=AccountState.EXPIRED, proxy=PROXY)
    assert counts(plan({"name": "anna", "cookies": COOKIE, "proxy": PROXY})) == (0, 0, 1, 0)
    write_plan(plan({"name": "anna", "cookies": COOKIE, "notes": "x"}), timezone.now())
    account.refresh_from_db()
    assert (account.state, account.notes) == (AccountState.EXPIRED, "x")
    write_plan(plan({"name": "anna", "cookies": f"{COOKIE}-2"}), timezone.now())
    account.refresh_from_db()
    assert (account.state, account.cookies) == (AccountState.UNCHECKED, {"_U": f"{COOKIE}-2"})


def test_a_concurrent_write_is_kept() -> None:
    """Only named columns are written: a worker may write the state at the same time."""
    account = make_account("anna", cookie=COOKIE)
    found = plan({"name": "anna", "notes": "x"})
    account.mark(AccountState.BLOCKED, "why", timezone.now())
    write_plan(found, timezone.now())
    account.refresh_from_db()
    assert (account.state, account.notes) == (AccountState.BLOCKED, "x")


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "x" * 101}, "name", "at most 100"),
        ({"kind": "bong"}, "kind", "Choose one of bing, copilot, m365. Found: 'bong'."),
        ({"cookies": ""}, "cookies", "needs its cookies"),
        ({"cookies": "MUID=1"}, "cookies", "_U"),
        ({"token": "eyJhbGciOi"}, "token", "no token"),
        ({"kind": "copilot", "cookies": "", "token": ""}, "cookies", "access token"),
        ({"kind": "m365", "cookies": "", "token": "abc"}, "token", ""),
        ({"proxy": "socks5://user:hunter2@h:1"}, "proxy", "http://"),
        ({"is_enabled": "maybe"}, "is_enabled", "Found: 'maybe'."),
        ({"tier": "gold", "kind": "m365"}, "tier", "Choose one of individual"),
        ({"token_command": "rm", "kind": "copilot"}, "token_command", "nothing to choose from. Found: 'rm'."),
        ({"user_agent": "Ä"}, "user_agent", "ASCII"),
        ({"user_agent": "a" * 301}, "user_agent", "Found: 301 characters."),
    ],
)
def test_a_fault_is_named_by_line_and_column(row: dict[str, str], column: str, words: str) -> None:
    """With the wrong value, unless it is a secret or as long as one; nothing is imported."""
    wrong = {"name": "anna", "kind": "", "cookies": COOKIE, "token": "", "proxy": "", "user_agent": "",
             "token_command": "", "tier": "", "is_enabled": ""} | row  # fmt: skip
    right = {"name": "right", "cookies": COOKIE}
    found = plan(wrong, right)
    assert counts(found) == (1, 0, 0, 1)
    assert found.columns == ("line", "name", "what is wrong")
    ((line, _, said),) = found.shown
    assert line == "2" and column in found.wrong[0].faults, said
    assert words in found.wrong[0].faults[column]
    assert COOKIE not in said and "hunter2" not in said


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("cookies", "token")])
def test_a_secret_in_a_wrong_column_is_not_repeated(column: str) -> None:
    """Messages contain only values that are shorter than cookies and tokens."""
    secret = token_of("copilot")
    for found in (
        plan({"name": "anna", "cookies": COOKIE} | {column: secret}),
        plan({"name": "b", "kind": "copilot", "cookies": "", "user_agent": AGENT, "token": secret} | {column: secret}),
    ):
        assert secret[:60] not in str(found.shown) and secret not in repr(found)


def test_faults_of_a_row_among_others() -> None:
    """A repeated name, a changed kind and a wrong number of cells are faults of their row."""
    make_token_account("copilot", "there")
    text = f"name,kind,cookies\nanna,,{COOKIE}\nanna,,{COOKIE}\nthere,bing,{COOKIE}\nshort,x\n"
    found = plan_import(text.encode())
    assert [(row.line, format_faults(row)) for row in found.wrong] == [
        (3, "name: The same name as in line 2."),
        (4, "kind: An account's kind stays what it is: copilot. Found: 'bing'."),
        (5, "2 cells where the first line has 3."),
    ]


def test_an_expired_token_is_refused() -> None:
    """As on an account's page."""
    old = make_token("copilot", "x", (timezone.now() - timedelta(hours=2)).timestamp())
    found = plan({"name": "anna", "kind": "copilot", "token": old, "user_agent": AGENT})
    assert "copy a new one" in found.wrong[0].faults["token"] and old not in str(found.shown)


def test_an_undecryptable_account_is_repaired() -> None:
    """New cookies and a new proxy replace the undecryptable ones; other columns can change without them."""
    account = make_account("anna", cookie=COOKIE, proxy=PROXY)
    make_undecryptable(account, "encrypted_cookies", "encrypted_proxy")
    assert counts(plan({"name": "anna", "notes": "x"})) == (0, 1, 0, 0)
    write_plan(plan({"name": "anna", "cookies": COOKIE, "proxy": PROXY}), timezone.now())
    account.refresh_from_db()
    assert (account.cookies, account.proxy) == ({"_U": COOKIE}, PROXY)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file is empty"),
        (b"name,cookies\n", "no account in this file"),
        (b"cookies\nx", "no column name"),
        (b"name,colour\nx,red", "Unknown columns: colour"),
        (b"\xff", "Save it as"),
        (b"name\n" + b"".join(b"a%d\n" % number for number in range(MOST_ROWS + 1)), "More than 1,000 rows"),
    ],
)
def test_an_unreadable_file(content: bytes, words: str) -> None:
    """The error says what to do."""
    with pytest.raises(UnreadableFileError, match=words):
        plan_import(content)


def test_tables_from_excel_and_copied_cells() -> None:
    """With `sep=;` and empty columns at the end; copied cells are separated by tabs."""
    for text in (f"sep=;\r\nname;cookies;;\r\nanna;{COOKIE};;\r\n", f"name\tcookies\nanna\t{COOKIE}\n"):
        assert counts(plan_import(text.encode())) == (1, 0, 0, 0)


def test_many_rows_take_few_queries() -> None:
    """A preview of 200 rows needs as many as one of two."""

    def asked(count: int) -> int:
        rows: list[dict[str, Any]] = [{"name": f"a{number}", "cookies": COOKIE} for number in range(count)]
        with CaptureQueriesContext(connection) as captured:
            found = plan(*rows)
        assert counts(found) == (count, 0, 0, 0)
        return len(captured)

    assert asked(200) == asked(2) < 5


@pytest.mark.parametrize(
    ("cookies", "token", "paste"),
    [
        ("a=b", "", "a=b"),
        ("", "t", "t"),
        ("a=b", "t", "Cookie: a=b\nAuthorization: Bearer t"),
        ("Cookie: a=b", "Bearer t", "Cookie: a=b\nBearer t"),
        ('[{"name": "a"}]', "wss://h/?access_token=t", '[{"name": "a"}]\nwss://h/?access_token=t'),
        ("curl 'https://h' -b 'a=b'", "t", "curl 'https://h' -b 'a=b'\nAuthorization: Bearer t"),
    ],
)
def test_token_and_cookies_are_one_paste(cookies: str, token: str, paste: str) -> None:
    """In the form of request headers."""
    assert join_credentials(cookies, token) == paste
