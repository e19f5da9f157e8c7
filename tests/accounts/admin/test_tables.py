"""Tables as spreadsheets write them."""

from __future__ import annotations

import pytest

from accounts.admin.tables import UnreadableFileError, escape_formula, is_table, read_table, read_text, unescape_formula

KNOWN = ("user_id", "name", "note")


def read(text: str) -> tuple[list[str], list[tuple[int, str, list[str]]]]:
    """Return the columns, and the rows as tuples."""
    columns, rows = read_table(text, KNOWN)
    return columns, [(row.line, row.problem, row.cells) for row in rows]


@pytest.mark.parametrize(
    "first", ["sep=;\r\n", "SEP=;\r\n", '"sep=;"\r\n', "sep=;;;\r\n", "sep=;\n", "sep=;\r", "\r\nsep=;\n"]
)
def test_a_first_line_that_declares_the_separator(first: str) -> None:
    """Excel writes it; it counts as a line, and wins over separators in the line of the columns."""
    columns, rows = read(f"{first}user_id;name\nanna;Smith, Anna\n")
    assert columns == ["user_id", "name"]
    line = 4 if first.startswith("\r\n") else 3
    assert rows == [(line, "", ["anna", "Smith, Anna"])]


def test_empty_columns_at_the_end() -> None:
    """Spreadsheets write them for cells that were once filled; a cell with text there is a fault of the row."""
    columns, rows = read("user_id;name;;\nanna;Anna;;\nbert;Bert\ncarl;Carl; ;x\n")
    assert columns == ["user_id", "name"]
    assert rows[:2] == [(2, "", ["anna", "Anna"]), (3, "", ["bert", "Bert"])]
    assert rows[2][:2] == (4, "4 cells where the first line has 2.")


def test_an_empty_column_in_the_middle_is_refused() -> None:
    """Its name may have been lost."""
    with pytest.raises(UnreadableFileError, match="one without a name"):
        read("user_id;;name\nanna;;x")


@pytest.mark.parametrize("text", ["sep=;", "sep=;\r\n", "sep=;\n\n\n"])
def test_a_file_with_only_a_separator(text: str) -> None:
    """It has no columns."""
    with pytest.raises(UnreadableFileError, match="no column user_id"):
        read(text)


def test_a_table_is_recognised_by_its_first_line() -> None:
    """By the separator or by the column."""
    assert is_table("sep=;", "user_id") and is_table("name;User_ID", "user_id")
    assert not is_table("sepia", "user_id") and not is_table("my user_id", "user_id")


def test_text_is_read_in_both_encodings() -> None:
    """UTF-8 with or without a byte order mark, and UTF-16; other content is refused."""
    assert read_text("Ä".encode("utf-8-sig")) == read_text("Ä".encode()) == read_text("Ä".encode("utf-16")) == "Ä"
    for content, words in ((b"", "empty"), (b"\xff", "Save it as"), (b"a\0", "not a text file")):
        with pytest.raises(UnreadableFileError, match=words):
            read_text(content)


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30", "-5", "@anna", "'=1", "''+1", "'anna", "anna", "", "'", "\t=1", "a=b", "'-", "--"]
)
def test_formulas_are_escaped_and_read_back(text: str) -> None:
    """No cell starts like a formula, and reading removes exactly the added apostrophe."""
    assert not escape_formula(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unescape_formula(escape_formula(text)) == text
