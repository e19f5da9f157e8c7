"""Read tables as spreadsheets write them: a file or pasted text to columns and rows of text, each row with its line.

Accepts UTF-8, or UTF-16 with a byte order mark; commas, semicolons or tabs; Excel's first line `sep=;`; and empty
columns without a name at the end.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

DELIMITERS = (",", ";", "\t")
# Spreadsheets run cells that start like this; with an apostrophe in front, their own mark for text, they do not.
FORMULA = re.compile(r"'*[=+\-@\t\r]")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[,;\t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)


class UnreadableFileError(ValueError):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its last line in the file, its fault ("" for none), and its cells."""

    line: int
    problem: str
    cells: list[str]


def escape_formula(text: str) -> str:
    """Return the text, with an apostrophe before a formula; `unescape_formula` removes exactly this one."""
    return f"'{text}" if FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """Return the text that `escape_formula` was called with."""
    return text[1:] if text.startswith("'") and FORMULA.match(text, 1) else text


def read_text(content: bytes) -> str:
    """Return the text of UTF-8, or of UTF-16 with a byte order mark.
    Raises: UnreadableFileError.
    """
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFileError("This is not UTF-8 text. Save it as “CSV UTF-8” and choose it again.") from error
    if "\0" in text:
        raise UnreadableFileError("This is not a text file.")
    if not text.strip():
        raise UnreadableFileError("This file is empty.")
    return text


def read_table(text: str, known: Sequence[str]) -> tuple[list[str], Iterator[Row]]:
    """Return the columns that the first line names, and the rows below it.

    Args:
        text: The table.
        known: The possible columns; the first one is required.

    Raises: UnreadableFileError, also while the rows are iterated.
    """
    body = text.lstrip("\r\n ")
    declared = _SEPARATOR_LINE.match(body)
    if declared is not None:
        body = body[declared.end() :]
    delimiter = declared[1] if declared else max(DELIMITERS, key=(body.splitlines() or [""])[0].count)
    skipped = text[: len(text) - len(body)]
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    lines = _counted(reader, len(re.findall(r"\r\n|\r|\n", skipped)))
    columns = _without_empty_end([cell.strip().lower() for cell in next(lines, (0, [""]))[1]])
    _check_columns(columns, known)
    return columns, (_row(line, len(columns), cells) for line, cells in lines if any(map(str.strip, cells)))


def is_table(line: str, column: str) -> bool:
    """True if a file's first line declares a separator or names this column among others."""
    return bool(_SEPARATOR_LINE.match(line)) or column in re.split("[,;\t]", line.lower())


def _check_columns(columns: list[str], known: Sequence[str]) -> None:
    """Raise UnreadableFileError for an unknown, a repeated or a missing required column."""
    unknown = [column for column in columns if column not in known]
    rule = f"The first line names the columns: {known[0]}, and any of {', '.join(known[1:])}."
    if known[0] not in columns:
        raise UnreadableFileError(f"There is no column {known[0]}. {rule}")
    if unknown:
        named = ", ".join(column[:40] or "one without a name" for column in unknown[:5])
        raise UnreadableFileError(f"Unknown columns: {named}. {rule}")
    if len(set(columns)) < len(columns):
        raise UnreadableFileError(f"A column occurs twice. {rule}")


def _without_empty_end(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _counted(reader: Any, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its last line."""
    try:
        for cells in reader:
            yield reader.line_num + skipped, cells
    except csv.Error as error:
        raise UnreadableFileError(f"Line {reader.line_num + skipped}: {error}.") from error


def _row(line: int, count: int, cells: list[str]) -> Row:
    filled = cells if len(cells) <= count else [*cells[:count], *_without_empty_end(cells[count:])]
    if len(filled) != count:
        problem = f"{len(filled)} cells where the first line has {count}."
        return Row(line, problem, (filled + [""] * count)[:count])
    return Row(line, "", [unescape_formula(cell.strip()) for cell in filled])
