"""What a whitelist file comes to: new, changed, unchanged, wrong; all of it or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.forms import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.admin.whitelist_files import COLUMNS, CsvFile, OneIdALine, WhitelistFormat
from accounts.admin.whitelist_rows import SHOWN_ROWS, Preview, WhitelistResource
from accounts.models import WhitelistedUser
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FUTURE = "2999-01-31T18:00:00Z"


def load(text: str, *, dry_run: bool = False, kind: WhitelistFormat | None = None) -> Preview:
    """Import a file, or look at what it would do."""
    dataset = (kind or CsvFile()).create_dataset(text.encode())
    return WhitelistResource().import_data(dataset, dry_run=dry_run)


def counts(found: Preview) -> tuple[int, ...]:
    """New, changed, unchanged, wrong."""
    return tuple(found.counts.values())


def stored(user_id: str) -> dict[str, Any]:
    """What the list says of somebody."""
    return model_to_dict(WhitelistedUser.objects.get(user_id=user_id), fields=COLUMNS)


def test_new_changed_and_unchanged() -> None:
    """Each row is one of them, the preview says what changes, and changes nothing itself."""
    make_user("anna", name="Anna", daily_images=5)
    make_user("bert", name="Bert")
    text = f"user_id,name,daily_images,expires_at\nanna,Änna,,\nbert,Bert,,\ncarl,Carl,7,{FUTURE}\n"
    found = load(text, dry_run=True)
    assert counts(found) == (1, 1, 1, 0)
    assert found.shown == [
        ["2", "anna", "changed", "name: Anna → Änna; daily_images: 5 → none"],
        ["4", "carl", "new", f"name: none → Carl; expires_at: none → {FUTURE}; daily_images: none → 7"],
    ]
    assert WhitelistedUser.objects.count() == 2 and stored("anna")["name"] == "Anna"
    assert counts(load(text)) == (1, 1, 1, 0)
    assert (stored("anna")["name"], stored("anna")["daily_images"]) == ("Änna", None)
    assert stored("carl") | {"expires_at": None} == {
        "user_id": "carl", "name": "Carl", "note": "", "is_active": True, "expires_at": None,
        "daily_images": 7, "daily_videos": None, "daily_chats": None,
    }  # fmt: skip
    assert counts(load(text)) == (0, 0, 3, 0)


def test_columns_that_are_not_there_stay() -> None:
    """The file says what it says, and nothing else; nobody is taken off the list."""
    before = {"name": "Anna", "note": "pays", "is_active": False, "daily_chats": 3}
    make_user("anna", **before)
    make_user("bert")
    load("daily_videos,user_id\n9,anna\n")
    assert stored("anna") | before == stored("anna") and stored("anna")["daily_videos"] == 9
    assert counts(load("user_id\nanna\ndora\n")) == (1, 0, 1, 0)
    assert stored("bert")["is_active"] and stored("dora")["is_active"]


def test_what_changed_meanwhile_stays() -> None:
    """Between the look and the writing somebody changes another column, and adds one of the new: neither is undone."""
    make_user("anna")
    resource = WhitelistResource()
    looked_at = resource.import_data(CsvFile().create_dataset(b"user_id,name\nanna,Anna\nbert,Bert\n"), dry_run=True)
    WhitelistedUser.objects.update(note="pays", is_active=False)
    make_user("bert", note="new here")
    assert counts(looked_at) == (1, 1, 0, 0)
    # What the first look found is written as an import does it that began before those two changes.
    resource.write(["name"])
    assert (stored("anna")["name"], stored("anna")["note"], stored("anna")["is_active"]) == ("Anna", "pays", False)
    assert (stored("bert")["name"], stored("bert")["note"]) == ("Bert", "new here")


def test_the_older_servers_file_lets_in() -> None:
    """Whoever stands in it is active afterwards; the rest of what is known of them stays."""
    make_user("anna", is_active=False, note="pays")
    found = load("anna\n\n bert \n", kind=OneIdALine())
    assert counts(found) == (1, 1, 0, 0)
    assert (stored("anna")["is_active"], stored("anna")["note"]) == (True, "pays")
    assert stored("bert")["is_active"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("an na,,,", "user_id: There are blanks within the id."),
        (",1,,", "user_id: An id is needed."),
        ('"a\nb",,,', "user_id: Line ends"),
        (f"{'x' * 101},,,", "user_id: At most 100"),
        ("anna,-1,,", "daily_images: Give a whole number"),
        ("anna,many,,", "daily_images: Give a whole number"),
        ("anna,,2020-01-01,", "expires_at: This is past already."),
        ("anna,,tomorrow,", "expires_at: Give a day"),
        ("anna,,,perhaps", "is_active: Say true or false."),
        ("first,,,true", "user_id: The same id as in line 2."),
        ("anna,,", "3 cells where the first line has 4."),
        ("anna,-1,2020-01-01,true", "past already. daily_images: Give"),
    ],
)
def test_one_wrong_row_stops_all(row: str, fault: str) -> None:
    """The fault is told with its line and its column; the right rows are not written either."""
    text = f"user_id,daily_images,expires_at,is_active\nfirst,1,{FUTURE},true\n{row}\nlast,,,true\n"
    for dry_run in (True, False):
        found = load(text, dry_run=dry_run)
        assert counts(found)[3] == 1 and found.has_validation_errors()
        (line, _, words), *rest = found.shown
        assert int(line) in (3, 4) and not rest
        assert fault in words or all(part in words for part in fault.split(". "))
    assert not WhitelistedUser.objects.exists()


def test_what_stood_so_before_is_no_fault() -> None:
    """An id with blanks and an expiry that has passed: else an export of the list could not come back."""
    past = timezone.now() - timedelta(days=1, microseconds=3)
    make_user("an na", expires_at=past)
    exported = CsvFile().export_data(WhitelistResource().export())
    assert counts(load(exported.decode())) == (0, 0, 1, 0)


def test_an_export_comes_back_as_it_was() -> None:
    """Formulas, quotes, other alphabets, limits and times: into a file, off the list, and on it again."""
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
    """Looked up and written by the hundred; the tables show the first of them."""
    lines = "".join(f"user-{number},1\n" for number in range(3000))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = load(f"user_id,daily_images\n{lines}")
    assert counts(found) == (3000, 0, 0, 0) and len(asked) < 60
    assert found.is_cut and len(found.shown) == SHOWN_ROWS
    with CaptureQueriesContext(connection) as asked:
        assert counts(load(f"user_id,daily_images\n{lines.replace(',1', ',2')}")) == (0, 3000, 0, 0)
    assert len(asked) < 60 and WhitelistedUser.objects.filter(daily_images=2).count() == 3000
    wrong = load(f"user_id,daily_images\n{lines.replace(',1', ',-1')}")
    assert counts(wrong)[3] == 3000 and wrong.is_cut and len(wrong.shown) == SHOWN_ROWS
