"""Whitelist files of spreadsheets and older servers: read, refused or written."""

from __future__ import annotations

import csv
import io

import pytest
from tablib import Dataset

from accounts.admin.tables import UnreadableFileError
from accounts.admin.whitelist_files import COLUMNS, MOST_ROWS, CsvFile, OneIdPerLine

TEXT = "user_id,name\r\nanna,Änna\r\n\r\nbert,\r\n"
SEEN = [(2, "anna", "Änna"), (4, "bert", "")]


def rows(kind: CsvFile | OneIdPerLine, content: bytes) -> list[tuple[object, ...]]:
    """Return each row of a file: its line, then its cells."""
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
        TEXT.replace("\r\n", ",,\r\n").replace("bert,,,", "bert,,, ").encode(),
    ],
    ids=["plain", "BOM", "LF", "CR", "semicolons", "UTF-16 with tabs", "quoted and blanks", "blanks", "empty columns"],
)
def test_csv_of_many_programs(content: bytes) -> None:
    """All give the same rows, each with its line."""
    assert rows(CsvFile(), content) == SEEN


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file is empty"),
        (b"\xef\xbb\xbf \r\n\r\n", "file is empty"),
        (b"user_id,name\n", "no users in this file"),
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
def test_csv_that_cannot_be_read(content: bytes, words: str) -> None:
    """The error says what is wrong and what to do."""
    with pytest.raises(UnreadableFileError, match=words):
        CsvFile().create_dataset(content)


def test_rows_of_another_length_are_named_by_their_lines() -> None:
    """The file is no table, and the error names every such line."""
    words = "Line 2: 1 cells where the first line has 2. Line 3: 3 cells where the first line has 2."
    with pytest.raises(UnreadableFileError) as raised:
        CsvFile().create_dataset(b"user_id,name\nanna\nbert,b,c\ncarl,c\n")
    assert str(raised.value) == words


def test_one_id_per_line() -> None:
    """As the older server reads it, but a blank line, which lets in the empty id there, is ignored."""
    found = rows(OneIdPerLine(), b"\xef\xbb\xbfanna\r\n\r\n  bert \n\t\ncarl")
    assert found == [(1, "anna", "true"), (3, "bert", "true"), (5, "carl", "true")]


def test_a_csv_file_with_the_wrong_format() -> None:
    """Its first line shows it; otherwise whole rows would become ids."""
    with pytest.raises(UnreadableFileError, match="Choose the format CSV"):
        OneIdPerLine().create_dataset(b"name;User_ID\nAnna;anna")
    with pytest.raises(UnreadableFileError, match="Choose the format CSV"):
        OneIdPerLine().create_dataset(b"sep=;\r\nuser_id;name\r\n")


@pytest.mark.parametrize("kind", [CsvFile(), OneIdPerLine()])
def test_a_file_has_a_limit_of_rows(kind: CsvFile | OneIdPerLine) -> None:
    """A file with one row more is refused."""
    head = "user_id\n" if isinstance(kind, CsvFile) else ""
    lines = "\n".join(f"user-{number}" for number in range(MOST_ROWS))
    assert len(kind.create_dataset(f"{head}{lines}".encode())) == MOST_ROWS
    with pytest.raises(UnreadableFileError, match="More than 5,000 rows"):
        kind.create_dataset(f"{head}{lines}\nlast".encode())


def table(*cells: dict[str, str]) -> Dataset:
    """Return rows as the resource exports them."""
    empty = dict.fromkeys(COLUMNS, "") | {"is_active": "true"}
    return Dataset(*(tuple((empty | one).values()) for one in cells), headers=COLUMNS)


def test_csv_is_written_for_spreadsheets() -> None:
    """UTF-8 with a byte order mark, quoted where needed, without formulas; it reads back unchanged."""
    content = CsvFile().export_data(table({"user_id": "=cmd", "name": "Änna, the +1"}, {"user_id": "-x", "note": "@"}))
    assert content.startswith("\ufeffuser_id,name,".encode())
    shown = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[0] for row in shown] == ["user_id", "'=cmd", "'-x"]
    assert not any(cell[:1] in "=+-@" for row in shown for cell in row if cell)
    found = rows(CsvFile(), content)
    assert [row[1:4] for row in found] == [("=cmd", "Änna, the +1", ""), ("-x", "", "@")]


def test_one_id_per_line_exports_active_users() -> None:
    """Neither inactive nor expired ones, which the older server does not know."""
    content = OneIdPerLine().export_data(
        table(
            {"user_id": "anna"},
            {"user_id": "bert", "is_active": "false"},
            {"user_id": "carl", "expires_at": "2020-01-01T00:00:00Z"},
            {"user_id": "dora", "expires_at": "2999-01-01T00:00:00Z"},
        )
    )
    assert content == b"anna\ndora\n"
