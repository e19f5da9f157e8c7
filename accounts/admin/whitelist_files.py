"""The formats of a whitelist file: CSV as spreadsheets write it, and the older server's list of one id per line."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from import_export.formats.base_formats import CSV
from tablib import Dataset

from accounts.admin.tables import UnreadableFileError, escape_formula, is_table, read_table, read_text

COLUMNS = ("user_id", "name", "note", "is_active", "expires_at", "daily_images", "daily_videos", "daily_chats")
# A dataset's first column: the row's line in the file, which its index does not give where lines are blank or cells
# span lines.
LINE = "line"
MOST_ROWS = 5_000  # an import is one transaction, in which SQLite lets nobody else write
SHOWN_PROBLEMS = 5


class CsvFile(CSV):
    """CSV whose first line names the columns, in any order."""

    CONTENT_TYPE = "text/csv; charset=utf-8"

    def get_title(self) -> str:
        """Return the format's name in forms; the page's script selects it by the file's extension."""
        return "CSV"

    def create_dataset(self, in_stream: bytes, **options: Any) -> Dataset:
        """Return the rows below the column names; tablib would not say which line is wrong.

        Raises: UnreadableFileError.
        """
        columns, rows = read_table(read_text(in_stream), COLUMNS)
        found = list(rows)
        problems = [f"Line {row.line}: {row.problem}" for row in found if row.problem]
        if problems:
            raise UnreadableFileError(" ".join(problems[:SHOWN_PROBLEMS]))
        return _dataset(columns, ([row.line, *row.cells] for row in found))

    def export_data(self, dataset: Dataset, **options: Any) -> bytes:
        """Return UTF-8 with a byte order mark, without which Excel reads letters beyond ASCII wrongly.

        The package's IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT is not enough: it drops a leading `=`, so the file cannot
        be imported again, and it leaves `+`, `-` and `@`.
        """
        escaped = Dataset(*([escape_formula(cell) for cell in row] for row in dataset), headers=dataset.headers)
        return str(escaped.export("csv")).encode("utf-8-sig")


class OneIdPerLine(CSV):
    """`whitelist.txt` of the older two-call server, which ignores blank lines and spaces around an id."""

    CONTENT_TYPE = "text/plain; charset=utf-8"

    def get_title(self) -> str:
        """Return the format's name in forms."""
        return "TXT"

    def get_extension(self) -> str:
        """Return the extension of an exported file."""
        return "txt"

    def create_dataset(self, in_stream: bytes, **options: Any) -> Dataset:
        """Return one row per id, marked active: the older server lets in every id of its file.

        Raises: UnreadableFileError.
        """
        lines = [line.strip() for line in io.StringIO(read_text(in_stream), newline=None)]
        if is_table(next(filter(None, lines)), COLUMNS[0]):
            raise UnreadableFileError("This is a CSV file. Choose the format CSV.")
        return _dataset(["user_id", "is_active"], ([n, line, "true"] for n, line in enumerate(lines, 1) if line))

    def export_data(self, dataset: Dataset, **options: Any) -> bytes:
        """Return the ids of users who are let in now: the older server knows no others."""
        rows = [dict(zip(dataset.headers, row, strict=True)) for row in dataset]
        return "".join(f"{row['user_id']}\n" for row in rows if _is_let_in(row)).encode()


def _dataset(columns: list[str], rows: Iterable[list[Any]]) -> Dataset:
    table = Dataset(headers=[LINE, *columns])
    for row in rows:
        if len(table) == MOST_ROWS:
            raise UnreadableFileError(f"More than {MOST_ROWS:,} rows. Cut the file into several.")
        table.append(row)
    if not len(table):
        raise UnreadableFileError("There are no users in this file.")
    return table


def _is_let_in(row: dict[str, str]) -> bool:
    expires_at = parse_datetime(row["expires_at"]) if row["expires_at"] else None
    return row["is_active"] == "true" and (expires_at is None or expires_at > timezone.now())
