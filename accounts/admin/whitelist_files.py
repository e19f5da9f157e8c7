"""The whitelist as a file: CSV as spreadsheets write it, and the older servers' one id a line. Bytes ⇄ rows of text."""

from __future__ import annotations

import csv
import io
import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from import_export.formats.base_formats import Format
from tablib import Dataset

COLUMNS = ("user_id", "name", "note", "is_active", "expires_at", "daily_images", "daily_videos", "daily_chats")
# Beside the file's own columns: where a row stands in the file, and what is wrong with its form.
LINE, PROBLEM = "line", "problem"
MOST_ROWS = 100_000
DELIMITERS = (",", ";", "\t")
# A spreadsheet runs what begins so. The apostrophe before it is what spreadsheets themselves use to say "text".
FORMULA = re.compile(r"'*[=+\-@\t\r]")


class UnreadableFileError(ValueError):
    """The file as a whole cannot be used; the text says why and what to do."""


def defuse(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would run; `undo_defuse` takes away just that one."""
    return f"'{text}" if FORMULA.match(text) else text


def undo_defuse(text: str) -> str:
    """What `defuse` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text, 1) else text


def read_text(content: bytes) -> str:
    """The file's text: UTF-8, or UTF-16 when it says so itself.

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
        raise UnreadableFileError("There is nothing in this file.")
    return text


class WhitelistFormat(Format):
    """What both kinds of file share: bytes in, bytes out, both directions."""

    title = ""
    extension = ""
    content_type = ""

    def __init__(self, encoding: str | None = None) -> None:
        """The encoding is the file's own affair."""

    def get_title(self) -> str:
        """What the form calls it; the page's script chooses it by the file's ending."""
        return self.title

    def get_extension(self) -> str:
        """The ending of an exported file."""
        return self.extension

    def get_content_type(self) -> str:
        """The type of an exported file."""
        return self.content_type

    def can_import(self) -> bool:
        """Yes."""
        return True

    def can_export(self) -> bool:
        """Yes."""
        return True

    def create_dataset(self, in_stream: bytes) -> Dataset:
        """The file's rows. Raises: UnreadableFileError."""
        columns, rows = self.read(read_text(in_stream))
        table = Dataset(headers=[LINE, PROBLEM, *columns])
        for row in rows:
            if len(table) == MOST_ROWS:
                raise UnreadableFileError(f"More than {MOST_ROWS:,} rows. Cut the file into several.")
            table.append(row)
        if not len(table):
            raise UnreadableFileError("There is nobody in this file.")
        return table

    @abstractmethod
    def read(self, text: str) -> tuple[list[str], Iterator[list[Any]]]:
        """The columns, and each row with its line and its problem before its cells."""


class CsvFile(WhitelistFormat):
    """Columns by name, in any order; those that are not there stay as they are."""

    title, extension, content_type = "CSV", "csv", "text/csv; charset=utf-8"

    def read(self, text: str) -> tuple[list[str], Iterator[list[Any]]]:
        """The columns that the first line names, and the rows below it."""
        body = text.lstrip("\r\n ")
        delimiter = max(DELIMITERS, key=body.splitlines()[0].count)
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
        lines = _counted(reader, text[: len(text) - len(body)].count("\n"))
        columns = [cell.strip().lower() for cell in next(lines)[1]]
        check_columns(columns)
        return columns, (_row(line, columns, cells) for line, cells in lines if any(map(str.strip, cells)))

    def export_data(self, dataset: Dataset, **options: Any) -> bytes:
        """UTF-8 with its mark, without which spreadsheets take letters beyond ASCII for others."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(dataset.headers)
        writer.writerows([defuse(cell) for cell in row] for row in dataset)
        return text.getvalue().encode("utf-8-sig")


class OneIdALine(WhitelistFormat):
    """`whitelist.txt` of the older two-call server: blank lines and blanks around an id mean nothing."""

    title, extension, content_type = "TXT", "txt", "text/plain; charset=utf-8"

    def read(self, text: str) -> tuple[list[str], Iterator[list[Any]]]:
        """Each id; whoever stands in such a file is let in, so each row says so."""
        lines = [line.strip() for line in io.StringIO(text, newline=None)]
        first = next(filter(None, lines))
        if COLUMNS[0] in re.split("[,;\t]", first.lower()):
            raise UnreadableFileError("This is a CSV file. Choose the format CSV.")
        return ["user_id", "is_active"], ([number, "", line, "true"] for number, line in enumerate(lines, 1) if line)

    def export_data(self, dataset: Dataset, **options: Any) -> bytes:
        """Those who are let in now: the older server knows no other kind."""
        rows = [dict(zip(dataset.headers, row, strict=True)) for row in dataset]
        return "".join(f"{row['user_id']}\n" for row in rows if _is_let_in(row)).encode()


def check_columns(columns: list[str]) -> None:
    """Every column is known and stands there once, `user_id` among them. Raises: UnreadableFileError."""
    unknown = [column for column in columns if column not in COLUMNS]
    rule = f"The first line names the columns: user_id, and any of {', '.join(COLUMNS[1:])}."
    if COLUMNS[0] not in columns:
        raise UnreadableFileError(f"There is no column user_id. {rule}")
    if unknown:
        named = ", ".join(column[:40] or "one without a name" for column in unknown[:5])
        raise UnreadableFileError(f"Unknown columns: {named}. {rule}")
    if len(set(columns)) < len(columns):
        raise UnreadableFileError(f"A column stands there twice. {rule}")


def _counted(reader: Any, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each one ends in."""
    try:
        for cells in reader:
            yield reader.line_num + skipped, cells
    except csv.Error as error:
        raise UnreadableFileError(f"Line {reader.line_num + skipped}: {error}.") from error


def _row(line: int, columns: list[str], cells: list[str]) -> list[Any]:
    if len(cells) != len(columns):
        problem = f"{len(cells)} cells where the first line has {len(columns)}."
        return [line, problem, *(cells + [""] * len(columns))[: len(columns)]]
    return [line, "", *(undo_defuse(cell.strip()) for cell in cells)]


def _is_let_in(row: dict[str, str]) -> bool:
    expires_at = parse_datetime(row["expires_at"]) if row["expires_at"] else None
    return row["is_active"] == "true" and (expires_at is None or expires_at > timezone.now())
