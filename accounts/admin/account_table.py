"""Import many accounts from a table: find what is new, changed or wrong in each row, without showing a secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.admin.columns import show_proxy
from accounts.admin.kinds import AccountForm
from accounts.admin.saving import save_account
from accounts.admin.tables import Row, UnreadableFileError, read_table, read_text
from accounts.admin.whitelist_cells import FlagCell
from accounts.microsoft.protocol import describe_cookies
from accounts.models import Account, AccountKind
from bingproject.errors import DecryptionError

COLUMNS = (
    "name", "kind", "cookies", "token", "proxy", "user_agent", "token_command", "identity_type", "object_id",
    "tenant_id", "tier", "is_enabled", "notes",
)  # fmt: skip
SECRETS = ("cookies", "token", "proxy")
PLAIN = tuple(name for name in COLUMNS if name not in (*SECRETS, "is_enabled"))
CHOSEN = ("kind", "token_command", "tier")
MOST_ROWS = 1_000
SHOWN_ROWS = 200
SHOWN_CHARACTERS = 40  # all cookies and tokens are longer, so one in a wrong column is not shown
SHOWN_NAME_CHARACTERS = 100
COUNTED = ("new", "changed", "unchanged", "wrong")


class RowForm(AccountForm):
    """A row of the table, validated as the form of one account is."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in CHOSEN:  # Django's message repeats the whole value, which may be a secret in the wrong column
            choices = [str(value) for value, _ in getattr(self.fields[name], "choices", ()) if value]
            known = f"Choose one of {', '.join(choices)}." if choices else "There is nothing to choose from."
            self.fields[name].error_messages["invalid_choice"] = known

    def validate_unique(self) -> None:
        """Skip the query: `_plan_rows` looks up the names of all rows at once."""

    def drop_credentials(self) -> None:
        """Do not write the credentials, since the account has the same ones."""
        self.cleaned_data["cookies"], self.found, self.credentials = {}, None, None


@dataclass(slots=True)
class PlannedRow:
    """The result of one row.

    Attributes:
        faults: Messages by column; "" is the column of faults of the whole row. They contain no secret.
    """

    line: int
    name: str
    form: RowForm | None = field(default=None, repr=False)
    is_new: bool = True
    changes: tuple[str, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """One of `COUNTED`."""
        if self.faults:
            return "wrong"
        return "new" if self.is_new else "changed" if self.changes else "unchanged"


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of a table; `account/preview.html` shows `counts`, and `shown` below `columns`."""

    rows: list[PlannedRow]
    shown_rows: int = SHOWN_ROWS

    @property
    def wrong(self) -> list[PlannedRow]:
        """Rows with a fault; one of them prevents the whole import."""
        return [row for row in self.rows if row.faults]

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows by outcome."""
        counted = Counter(row.outcome for row in self.rows)
        return {outcome: counted[outcome] for outcome in COUNTED}

    @property
    def changing(self) -> list[PlannedRow]:
        """Rows that would be written."""
        return [row for row in self.rows if row.outcome in ("new", "changed")]

    @property
    def is_cut(self) -> bool:
        """True if only the first rows are shown."""
        return len(self.wrong or self.changing) > SHOWN_ROWS

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles of `shown`."""
        return ("line", "name", "what is wrong") if self.wrong else ("line", "name", "is", "what changes")

    @property
    def shown(self) -> list[list[str]]:
        """The first wrong rows with their faults; without any, the first rows that change something."""
        if self.wrong:
            return [[str(row.line), row.name, format_faults(row)] for row in self.wrong[:SHOWN_ROWS]]
        rows = self.changing[:SHOWN_ROWS]
        return [[str(row.line), row.name, row.outcome, "; ".join(row.changes)] for row in rows]


def format_faults(row: PlannedRow) -> str:
    """Return e.g. `kind: Select a valid choice. Found: 'bong'.`"""
    return " ".join(f"{column}: {words}" if column else words for column, words in row.faults.items())


def plan_import(content: bytes) -> Plan:
    """Return what a file or a pasted table would change, without changing it.

    Raises: UnreadableFileError.
    """
    columns, lines = read_table(read_text(content), COLUMNS)
    rows: list[Row] = []
    for row in lines:
        if len(rows) == MOST_ROWS:
            raise UnreadableFileError(f"More than {MOST_ROWS:,} rows. Cut the file into several.")
        rows.append(row)
    if not rows:
        raise UnreadableFileError("There is no account in this file.")
    return Plan(list(_plan_rows(columns, rows)))


def _plan_rows(columns: Sequence[str], rows: list[Row]) -> Iterator[PlannedRow]:
    named = [dict(zip(columns, row.cells, strict=True)) for row in rows]
    known = Account.objects.in_bulk({cells["name"] for cells in named}, field_name="name")
    first_lines: dict[str, int] = {}
    for row, cells in zip(rows, named, strict=True):
        name = cells["name"]
        first = first_lines.setdefault(name, row.line)
        if row.problem:
            yield PlannedRow(row.line, "", faults={"": row.problem})  # no name: the cells may be shifted
        elif first != row.line:
            yield PlannedRow(row.line, _name(name), faults={"name": f"The same name as in line {first}."})
        else:
            yield _plan_row(row.line, cells, known.get(name))


def _plan_row(line: int, cells: dict[str, str], account: Account | None) -> PlannedRow:
    planned = PlannedRow(line, _name(cells["name"]), is_new=account is None)
    flag, planned.faults = _read_flag(cells)
    if account is not None and cells.get("kind", "").lower() not in ("", account.kind):
        planned.faults["kind"] = f"An account's kind stays what it is: {account.kind}.{_found(cells['kind'])}"
    data = _form_data(cells, account, is_enabled=flag)
    if data["kind"] == AccountKind.BING and cells.get("token"):
        planned.faults["token"] = "An account of Bing's has cookies and no token."
    if planned.faults:
        return planned
    form = planned.form = RowForm(data, instance=account)
    if not form.is_valid():
        planned.faults = _faults(form, cells)
        return planned
    if account is not None and _has_credentials(account, form):
        form.drop_credentials()
    planned.changes = tuple(_changes(form, cells))
    return planned


def _read_flag(cells: dict[str, str]) -> tuple[bool | None, dict[str, str]]:
    text = cells.get("is_enabled", "")
    try:
        return (FlagCell().clean(text) if text else None), {}
    except ValueError as error:
        return None, {"is_enabled": f"{error}{_found(text)}"}


def _form_data(cells: dict[str, str], account: Account | None, *, is_enabled: bool | None) -> dict[str, Any]:
    """Return the form's data; an empty cell keeps the stored value, so that a table can be imported again."""
    stored = account or Account()
    data: dict[str, Any] = {name: cells.get(name) or getattr(stored, name) for name in PLAIN}
    data["kind"] = data["kind"].lower()
    data["is_enabled"] = stored.is_enabled if is_enabled is None else is_enabled
    proxy = cells.get("proxy", "")
    data["proxy"] = proxy if proxy and not _has_proxy(stored, proxy) else show_proxy(stored)
    data["new_cookies"] = join_credentials(cells.get("cookies", ""), cells.get("token", ""))
    return data


def _has_proxy(account: Account, address: str) -> bool:
    try:
        return account.proxy == address
    except DecryptionError:  # the table replaces what cannot be read
        return False


def join_credentials(cookies: str, token: str) -> str:
    """Return a token and cookies as one paste: request headers, unless the cookies are JSON or a curl command."""
    if not (cookies and token):
        return cookies or token
    is_plain = "=" in cookies and not cookies.startswith(("[", "{")) and not cookies[:6].lower().startswith("curl ")
    header = f"Cookie: {cookies}" if is_plain and cookies[:7].lower() != "cookie:" else cookies
    bearer = token if "://" in token or " " in token else f"Authorization: Bearer {token}"
    return f"{header}\n{bearer}"


def _has_credentials(account: Account, form: RowForm) -> bool:
    try:
        if form.credentials is None:
            return bool(form.cleaned_data["cookies"]) and form.cleaned_data["cookies"] == account.cookies
        token, cookies = form.credentials.token, form.credentials.cookies
        return (token is None or token.text == account.token) and (not cookies or cookies == account.cookies)
    except DecryptionError:
        return False


def _faults(form: RowForm, cells: dict[str, str]) -> dict[str, str]:
    """Return the form's errors by the table's columns."""
    # The form has one field for cookies and tokens, the table has two columns.
    given = "token" if cells.get("token") and not cells.get("cookies") else "cookies"
    column_of = {"new_cookies": given, "cookies_file": given, "__all__": ""}
    found: dict[str, str] = {}
    for name, errors in form.errors.items():
        column = column_of.get(name, name)
        value = "" if column in SECRETS else _found(cells.get(column, ""))
        found[column] = f"{found.get(column, '')} {' '.join(map(str, errors))}{value}".strip()
    return found


def _changes(form: RowForm, cells: dict[str, str]) -> Iterator[str]:
    """Yield what the row changes; of a secret, only its kind."""
    for name in COLUMNS:
        if name == "cookies" and form.cleaned_data["cookies"] and form.found is not None:
            yield describe_cookies(form.found).rstrip(".")
        elif name == "token" and form.credentials is not None:
            yield form.summary.rstrip(".")
        elif name == "proxy" and "proxy" in form.changed_data:
            yield "proxy: another"
        elif name in form.changed_data and name in cells and name not in (*SECRETS, "name"):
            before, after = _describe(form.initial.get(name)), _describe(form.cleaned_data[name])
            if before != after:
                yield f"{name}: {before} → {after}"


def _describe(value: Any) -> str:
    if isinstance(value, bool):
        return FlagCell().render(value)
    text = str(value or "none")
    return text if len(text) <= SHOWN_CHARACTERS else f"{len(text)} characters"


def _found(text: str) -> str:
    if len(text) > SHOWN_CHARACTERS:
        return f" Found: {len(text)} characters."
    return f" Found: {text!r}." if text else ""


def _name(text: str) -> str:
    return text if len(text) <= SHOWN_NAME_CHARACTERS else f"{len(text)} characters"


def write_plan(plan: Plan, now: datetime) -> None:
    """Write all rows, or none; accounts with new credentials are checked after the commit."""
    with transaction.atomic():
        for row in plan.changing:
            assert row.form is not None  # only wrong rows have none
            save_account(row.form.instance, row.form, now)
