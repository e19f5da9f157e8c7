"""Import of whitelist rows: new, changed, unchanged, wrong; all or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.forms import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.admin.whitelist_files import COLUMNS, CsvFile, OneIdPerLine
from accounts.admin.whitelist_rows import SHOWN_ROWS, Preview, WhitelistResource
from accounts.models import WhitelistedUser
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FUTURE = "2999-01-31T18:00:00Z"


def load(text: str, *, dry_run: bool = False, kind: OneIdPerLine | None = None) -> Preview:
    """Import a file, or preview it."""
    dataset = (kind or CsvFile()).create_dataset(text.encode())
    return WhitelistResource().import_data(dataset, dry_run=dry_run)


def counts(found: Preview) -> tuple[int, ...]:
    """Return the numbers of new, changed, unchanged and wrong rows."""
    assert not found.has_errors()
    return tuple(found.totals[kind] for kind in ("new", "update", "skip", "invalid"))


def faults(found: Preview) -> list[tuple[int, dict[str, list[str]]]]:
    """Return the line of each wrong row, and its messages by column."""
    return [(row.number, row.error_dict) for row in found.invalid_rows]


def stored(user_id: str) -> dict[str, Any]:
    """Return a user's columns as they are stored."""
    return model_to_dict(WhitelistedUser.objects.get(user_id=user_id), fields=COLUMNS)


def test_new_changed_and_unchanged() -> None:
    """Each row is one of them; the preview shows what would change and changes nothing."""
    make_user("anna", name="Anna", daily_images=5)
    make_user("bert", name="Bert")
    text = f"user_id,name,daily_images,expires_at\nanna,Änna,,\nbert,Bert,,\ncarl,Carl,7,{FUTURE}\n"
    found = load(text, dry_run=True)
    assert counts(found) == (1, 1, 1, 0)
    anna, carl = (dict(zip(found.diff_headers, row.diff, strict=True)) for row in found.valid_rows())
    assert ">5</del>" in anna["daily_images"] and "Ä</ins>" in anna["name"]
    assert ">Carl</ins>" in carl["name"] and f">{FUTURE}</ins>" in carl["expires_at"]
    assert WhitelistedUser.objects.count() == 2 and stored("anna")["name"] == "Anna"
    assert counts(load(text)) == (1, 1, 1, 0)
    assert (stored("anna")["name"], stored("anna")["daily_images"]) == ("Änna", None)
    assert stored("carl") | {"expires_at": None} == {
        "user_id": "carl", "name": "Carl", "note": "", "is_active": True, "expires_at": None,
        "daily_images": 7, "daily_videos": None, "daily_chats": None,
    }  # fmt: skip
    assert counts(load(text)) == (0, 0, 3, 0)


def test_columns_that_are_not_there_stay() -> None:
    """Columns and users that the file does not name stay as they are."""
    before = {"name": "Anna", "note": "pays", "is_active": False, "daily_chats": 3}
    make_user("anna", **before)
    make_user("bert")
    load("daily_videos,user_id\n9,anna\n")
    assert stored("anna") | before == stored("anna") and stored("anna")["daily_videos"] == 9
    assert counts(load("user_id\nanna\ndora\n")) == (1, 0, 1, 0)
    assert stored("bert")["is_active"] and stored("dora")["is_active"]


class SlowImport(WhitelistResource):
    """An import during which somebody else changes a user, and adds one that the file would add."""

    def after_import_row(self, row: dict[str, Any], row_result: Any, **options: Any) -> None:
        """Make the changes after the last row has been checked."""
        if row["user_id"] == "last":
            WhitelistedUser.objects.update(note="pays", is_active=False)
            if "added meanwhile" in row["name"]:
                make_user("bert", note="new here")


def test_concurrent_changes_of_other_columns_survive() -> None:
    """The import writes only the columns that the file names."""
    make_user("anna")
    SlowImport().import_data(CsvFile().create_dataset(b"user_id,name\nanna,Anna\nlast,\n"))
    assert (stored("anna")["name"], stored("anna")["note"], stored("anna")["is_active"]) == ("Anna", "pays", False)


def test_a_user_added_meanwhile_stops_the_import() -> None:
    """The conflict is reported, and nothing is written."""
    make_user("anna")
    content = b"user_id,name\nanna,Anna\nbert,Bert\nlast,added meanwhile\n"
    found = SlowImport().import_data(CsvFile().create_dataset(content))
    assert found.has_errors() and stored("anna")["name"] == ""


def test_the_older_servers_file_lets_in() -> None:
    """Every id of the file is active afterwards; the other columns stay."""
    make_user("anna", is_active=False, note="pays")
    found = load("anna\n\n bert \n", kind=OneIdPerLine())
    assert counts(found) == (1, 1, 0, 0)
    assert (stored("anna")["is_active"], stored("anna")["note"]) == (True, "pays")
    assert stored("bert")["is_active"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("an na,,,true", {"user_id": "without spaces"}),
        (",1,,true", {"user_id": "without spaces"}),
        ('"a\nb",,,true', {"user_id": "printable"}),
        ("an\u200bna,,,true", {"user_id": "printable"}),
        (f"{'x' * 101},,,true", {"user_id": "1 to 100"}),
        ("anna,-1,,true", {"daily_images": "Give a whole number"}),
        ("anna,many,,true", {"daily_images": "Give a whole number"}),
        ("anna,,2020-01-01,true", {"expires_at": "This time has passed already."}),
        ("anna,,tomorrow,true", {"expires_at": "Give a date"}),
        ("anna,,,perhaps", {"is_active": "Enter true or false."}),
        ("first,,,true", {"user_id": "The same id as in line 2."}),
        ("an na,-1,2020-01-01,no", {"user_id": "spaces", "expires_at": "passed", "daily_images": "Give"}),
    ],
)
def test_one_wrong_row_stops_all(row: str, words: dict[str, str]) -> None:
    """Each fault is reported with line and column; the right rows are not written either."""
    text = f"user_id,daily_images,expires_at,is_active\nfirst,1,{FUTURE},true\n{row}\nlast,,,true\n"
    for dry_run in (True, False):
        found = load(text, dry_run=dry_run)
        ((line, messages),) = faults(found)
        assert line == (4 if "\n" in row else 3) and counts(found)[3] == 1
        assert messages.keys() == words.keys()
        assert all(words[column] in " ".join(said) for column, said in messages.items())
    assert not WhitelistedUser.objects.exists()


def test_stored_values_are_not_checked_again() -> None:
    """An id with spaces and a past expiry pass: otherwise an export could not be imported again."""
    past = timezone.now() - timedelta(days=1, microseconds=3)
    make_user("an na", expires_at=past)
    exported = CsvFile().export_data(WhitelistResource().export())
    assert counts(load(exported.decode())) == (0, 0, 1, 0)


def test_an_export_comes_back_as_it_was() -> None:
    """Formulas, quotes, other alphabets, limits and times survive export and import."""
    make_user("=1+1", name='"quoted", and ;', note="@home", daily_images=0, daily_videos=1, daily_chats=2)
    make_user("-5", name="'=apostrophe", is_active=False, expires_at=timezone.now() + timedelta(days=1))
    make_user("анна", name="Ä 👩‍🎨")
    before = {user.user_id: stored(user.user_id) for user in WhitelistedUser.objects.all()}
    exported = CsvFile().export_data(WhitelistResource().export())
    assert counts(load(exported.decode())) == (0, 0, 3, 0)
    WhitelistedUser.objects.all().delete()
    assert counts(load(exported.decode())) == (3, 0, 0, 0)
    assert {user.user_id: stored(user.user_id) for user in WhitelistedUser.objects.all()} == before


def test_many_rows_cost_few_queries() -> None:
    """Rows are read and written in batches; a page shows the first of them."""
    lines = "".join(f"user-{number},1\n" for number in range(3000))
    with CaptureQueriesContext(connection) as asked:
        found = load(f"user_id,daily_images\n{lines}")
    assert counts(found) == (3000, 0, 0, 0) and len(asked) < 60
    assert len(found.valid_rows()) == SHOWN_ROWS
    with CaptureQueriesContext(connection) as asked:
        assert counts(load(f"user_id,daily_images\n{lines.replace(',1', ',2')}")) == (0, 3000, 0, 0)
    assert len(asked) < 60 and WhitelistedUser.objects.filter(daily_images=2).count() == 3000
    wrong = load(f"user_id,daily_images\n{lines.replace(',1', ',-1')}")
    assert counts(wrong)[3] == 3000 and len(wrong.invalid_rows) == SHOWN_ROWS


def test_a_wrong_row_is_shown_with_its_values() -> None:
    """Columns that the file does not have are shown as dashes."""
    found = load(f"user_id,daily_images,note\ndora,ten,x\nemil,5,{'n' * 301}\n", dry_run=True)
    assert [row.values for row in found.invalid_rows] == [
        ("dora", "---", "x", "---", "---", "ten", "---", "---"),
        ("emil", "---", "n" * 301, "---", "---", "5", "---", "---"),
    ]
    assert faults(found)[1] == (3, {"note": ["Ensure this value has at most 300 characters (it has 301)."]})


COMPOSED, DECOMPOSED = "Ren\u00e9", "Rene\u0301"


def test_two_spellings_of_an_id_are_one_user() -> None:
    """Composed and decomposed letters look the same; a new id is stored composed."""
    assert counts(load(f"user_id,name\n{DECOMPOSED},R\n")) == (1, 0, 0, 0)
    assert WhitelistedUser.objects.get().user_id == COMPOSED
    assert counts(load(f"user_id,name\n{DECOMPOSED},R\n{COMPOSED},R\n", dry_run=True)) == (0, 0, 1, 1)
    assert counts(load(f"user_id,name\n{COMPOSED},Q\n")) == (0, 1, 0, 0)
    assert WhitelistedUser.objects.get().name == "Q"


def test_an_id_that_was_stored_decomposed_stays() -> None:
    """Tasks and counters carry the stored id, so the row is changed and no second user is created."""
    make_user(DECOMPOSED)
    assert counts(load(f"user_id,name\n{COMPOSED},R\n")) == (0, 1, 0, 0)
    assert WhitelistedUser.objects.values_list("user_id", "name").get() == (DECOMPOSED, "R")
