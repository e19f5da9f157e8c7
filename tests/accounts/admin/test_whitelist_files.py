"""Files as spreadsheets and older servers write them: read, or refused with what to do; written to come back."""

from __future__ import annotations

import csv
import io

import pytest
from tablib import Dataset

from accounts.admin.whitelist_files import (
    COLUMNS,
    MOST_ROWS,
    CsvFile,
    OneIdALine,
    UnreadableFileError,
    WhitelistFormat,
    defuse,
    undo_defuse,
)

TEXT = "user_id,name\r\nanna,Änna\r\n\r\nbert,\r\n"
SEEN = [(2, "", "anna", "Änna"), (4, "", "bert", "")]


def rows(kind: WhitelistFormat, content: bytes) -> list[tuple[object, ...]]:
    """What a file holds: line, problem, cells."""
    return list(kind.create_dataset(content))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\r\n", "\n").encode(),
        TEXT.replace("\r\n", "\r").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode("utf-16"),
        TEXT.replace("user_id", '" User_ID "').encode(),
        TEXT.replace("bert,", "bert ,  ").encode(),
    ],
    ids=["plain", "BOM", "LF", "CR", "semicolons", "UTF-16 with tabs", "quoted and blanks", "blanks"],
)
def test_csv_in_many_dresses(content: bytes) -> None:
    """Whatever a spreadsheet makes of it: the same rows, each with its line."""
    assert rows(CsvFile(), content) == SEEN


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing in this file"),
        (b"\xef\xbb\xbf \r\n\r\n", "nothing in this file"),
        (b"user_id,name\n", "nobody in this file"),
        ("user_id,name\nanna,Änna".encode("latin-1"), "Save it as"),
        ("user_id\nanna".encode("utf-16-le"), "not a text file"),
        (b"\xff\xfeu\x00s\x00", "no column user_id"),
        (b"\xff\xfeu", "Save it as"),
        (b"PK\x03\x04\x14\x00\x06\x00", "not a text file"),
        (b"name,note\nanna,x", "no column user_id"),
        (b"anna\nbert", "no column user_id"),
        (b"user_id,colour\nanna,red", "Unknown columns: colour"),
        (b"user_id,,name\nanna,,x", "Unknown columns: one without a name"),
        (b"user_id,name,name\nanna,a,b", "twice"),
        (b'user_id,name\nanna,"a" b\n', "Line 2"),
        (b'user_id,name\nanna,"never closed\n', "Line 2"),
        (b"user_id,name\nanna," + b"x" * 200_000, "Line 2"),
    ],
)
def test_csv_that_is_none(content: bytes, words: str) -> None:
    """Each is refused as a whole, with what is wrong and what to do."""
    with pytest.raises(UnreadableFileError, match=words):
        CsvFile().create_dataset(content)


def test_a_row_of_another_length_is_the_rows_own_fault() -> None:
    """The other rows are still looked at."""
    found = rows(CsvFile(), b"user_id,name\nanna\nbert,b,c\ncarl,c\n")
    assert [(line, bool(problem), user_id) for line, problem, user_id, _ in found] == [
        (2, True, "anna"),
        (3, True, "bert"),
        (4, False, "carl"),
    ]
    assert found[0][1] == "1 cells where the first line has 2."


def test_one_id_a_line() -> None:
    """As the older server reads it: each line stripped; its blank line, which lets in the empty id, lets in nobody."""
    found = rows(OneIdALine(), b"\xef\xbb\xbfanna\r\n\r\n  bert \n\t\ncarl")
    assert found == [(1, "", "anna", "true"), (3, "", "bert", "true"), (5, "", "carl", "true")]


def test_a_csv_file_by_the_wrong_name() -> None:
    """Its first line gives it away; ids would be made of whole rows otherwise."""
    with pytest.raises(UnreadableFileError, match="Choose the format CSV"):
        OneIdALine().create_dataset(b"name;User_ID\nAnna;anna")


@pytest.mark.parametrize("kind", [CsvFile(), OneIdALine()])
def test_more_than_can_be_looked_at(kind: WhitelistFormat) -> None:
    """A hundred thousand rows are read, one more is refused."""
    head = "user_id\n" if isinstance(kind, CsvFile) else ""
    lines = "\n".join(f"user-{number}" for number in range(MOST_ROWS))
    assert len(kind.create_dataset(f"{head}{lines}".encode())) == MOST_ROWS
    with pytest.raises(UnreadableFileError, match="More than 100,000 rows"):
        kind.create_dataset(f"{head}{lines}\nlast".encode())


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30", "-5", "@anna", "'=1", "''+1", "'anna", "anna", "", "'", "\t=1", "a=b", "'-", "--"]
)
def test_formulas_are_defused_and_come_back(text: str) -> None:
    """No cell begins as a formula does, and reading undoes exactly that."""
    assert not defuse(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert undo_defuse(defuse(text)) == text


def table(*cells: dict[str, str]) -> Dataset:
    """Rows as the resource hands them over."""
    empty = dict.fromkeys(COLUMNS, "") | {"is_active": "true"}
    return Dataset(*(tuple((empty | one).values()) for one in cells), headers=COLUMNS)


def test_csv_is_written_for_spreadsheets() -> None:
    """UTF-8 with its mark, quoted where needed, no cell that would be run; and it reads back as it was."""
    content = CsvFile().export_data(table({"user_id": "=cmd", "name": "Änna, the +1"}, {"user_id": "-x", "note": "@"}))
    assert content.startswith("\ufeffuser_id,name,".encode())
    shown = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[0] for row in shown] == ["user_id", "'=cmd", "'-x"]
    assert not any(cell[:1] in "=+-@" for row in shown for cell in row if cell)
    found = rows(CsvFile(), content)
    assert [(row[2], row[3], row[4]) for row in found] == [("=cmd", "Änna, the +1", ""), ("-x", "", "@")]


def test_one_id_a_line_is_who_is_let_in() -> None:
    """The older server knows no other kind: neither inactive users nor expired ones."""
    content = OneIdALine().export_data(
        table(
            {"user_id": "anna"},
            {"user_id": "bert", "is_active": "false"},
            {"user_id": "carl", "expires_at": "2020-01-01T00:00:00Z"},
            {"user_id": "dora", "expires_at": "2999-01-01T00:00:00Z"},
        )
    )
    assert content == b"anna\ndora\n"
