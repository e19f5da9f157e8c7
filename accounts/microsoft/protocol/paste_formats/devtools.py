"""Read what operators copy from the developer tools' list of cookies: rows of the table, or `_U` with its value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from accounts.microsoft.protocol.paste_formats.values import COOKIE_NAME, Paste, PastedCookie, PasteError, unix_seconds

TABLE = "rows of the developer tools' cookie table"
NAMED_VALUE = "the cookie _U with its value"
# Chromium, Firefox and Safari all have name, value, domain, path and end first; the other columns differ.
_ROW = re.compile(
    r"^[^\s=;]{1,256}+\t[^\t\r\n]*+\t\.?(?:[\w-]{1,63}\.){1,10}[A-Za-z]{2,24}[ ]*+(?:\t/|[\t\r]*+$)", re.MULTILINE
)
_SITE = re.compile(r"\.?(?:[\w-]{1,63}\.){1,10}[\w-]{1,63}")
_DOMAIN, _PATH, _END = 2, 3, 4
_OTHER_COLUMNS = (
    f"This looks like {TABLE}, but the columns are not name, value, domain and path, or a row is cut. "
    "Copy the value of _U alone, or a request as cURL."
)
# Firefox copies `_U:"…"`; two cells, or a name and a value from a page's text, are separated by a blank.
_NAMED_VALUE = re.compile(
    r"""_U(?:\s*+:\s*+(?P<quote>["'])|\s*+:\s++|\s++)(?P<value>[^\s"'`;,]{1,4096}+)(?(quote)(?P=quote)),?"""
)


def is_table(text: str) -> bool:
    """True if one of the lines is a cookie's row, with tabs, a site and a path."""
    return _ROW.search(text) is not None


def read_table(text: str) -> Paste:
    """Read the cookies of all rows, with or without a line of titles before them.

    Raises:
        PasteError: Another line is not a cookie's row: columns have been moved or hidden, or a row is cut.
    """
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    if not _is_row(rows[0]) and len(rows[0]) > _DOMAIN:
        del rows[0]
    if not all(map(_is_row, rows)):
        raise PasteError(_OTHER_COLUMNS)
    return Paste(TABLE, tuple(_cookies(rows)))


def is_named_value(text: str) -> bool:
    """True for `_U:"…"`, `_U: …`, and the two words alone."""
    return _NAMED_VALUE.fullmatch(text) is not None


def read_named_value(text: str) -> Paste:
    """Read the value of `_U`."""
    found = _NAMED_VALUE.fullmatch(text)
    return Paste(NAMED_VALUE, (PastedCookie(COOKIE_NAME, found["value"]),) if found is not None else ())


def _is_row(fields: list[str]) -> bool:
    if len(fields) <= _DOMAIN or not fields[0].strip():
        return False
    is_path = len(fields) == _PATH or fields[_PATH].startswith("/")
    return is_path and _SITE.fullmatch(fields[_DOMAIN].strip()) is not None


def _cookies(rows: list[list[str]]) -> Iterator[PastedCookie]:
    for fields in rows:
        end = unix_seconds(fields[_END]) if len(fields) > _END else None  # None for texts such as "Session"
        yield PastedCookie(fields[0].strip(), fields[1].strip(), fields[_DOMAIN].strip(), end)
