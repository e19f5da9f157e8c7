"""`manage.py import_accounts`."""

from __future__ import annotations

import io
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from bingproject.cluster.database_identity import verify_installation
from bingproject.conf.environment import SettingError, new_seal_key

pytestmark = pytest.mark.django_db
COOKIE = "a-cookie-of-bing-0123456789-0123456789-0123456789"
TABLE = f"name,cookies,notes\nanna,{COOKIE},first\nbert,{COOKIE},\n"


def run(*arguments: str) -> tuple[str, str]:
    """Return standard output and standard error."""
    out, error = StringIO(), StringIO()
    try:
        call_command("import_accounts", *arguments, stdout=out, stderr=error)
    except CommandError as refusal:
        return out.getvalue(), f"{error.getvalue()}{refusal}"
    return out.getvalue(), error.getvalue()


def test_a_table_is_imported(tmp_path: Path) -> None:
    """A dry run changes nothing, nor does a second import; no secret is printed."""
    file = tmp_path / "accounts.csv"
    file.write_text(TABLE)
    said, _ = run(str(file), "--dry-run")
    assert "anna\tnew" in said and "Nothing was changed." in said and not Account.objects.exists()
    said, fault = run(str(file))
    assert "2 new, 0 changed, 0 unchanged." in said and not fault
    assert {account.cookies["_U"] for account in Account.objects.all()} == {COOKIE}
    assert "0 new, 0 changed, 2 unchanged." in run(str(file))[0]
    assert COOKIE not in said


def test_seal_keys_of_another_database(tmp_path: Path, settings: Any) -> None:
    """Cookies encrypted with other keys than the server's could not be decrypted there."""
    verify_installation()
    settings.SEAL_KEYS = [new_seal_key()]
    file = tmp_path / "accounts.csv"
    file.write_text(TABLE)
    with pytest.raises(SettingError, match="SEAL_KEYS lacks a key"):
        run(str(file))
    assert not Account.objects.exists()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file `-` is standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TABLE.encode())))
    assert "2 new" in run("-")[0]


def test_a_wrong_row_stops_all(tmp_path: Path) -> None:
    """The fault has line and column; nothing is imported."""
    file = tmp_path / "accounts.csv"
    file.write_text(f"{TABLE}carl,MUID=1;{COOKIE[:9]},\n")
    said, fault = run(str(file))
    assert "line 4, carl: cookies: " in fault and "1 of 3 rows are wrong" in fault and not said
    assert not Account.objects.exists() and COOKIE[:9] not in fault


def test_unreadable_files(tmp_path: Path) -> None:
    """The error says what to do."""
    file = tmp_path / "accounts.csv"
    file.write_text("cookies\nx")
    assert "no column name" in run(str(file))[1]
    assert "cannot be read: No such file" in run(str(tmp_path / "nowhere"))[1]
