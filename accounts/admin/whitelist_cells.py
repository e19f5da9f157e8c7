"""Convert the cells of a whitelist file to values and back.

The widgets of django-import-export are too lenient here: `BooleanWidget` reads "maybe" as false, `IntegerWidget` reads
1.5 as 1 and answers "many" with an error that names no column.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from import_export.widgets import Widget

from accounts.callers.validation import check_limit, parse_moment
from bingproject.errors import InvalidRequestError

FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
WHOLE = re.compile(r"[0-9]{1,9}")


class TextCell(Widget):
    """One line of text; the model's field limits its length."""

    def clean(self, value: str, row: Any = None, **options: Any) -> str:
        """Return the text without surrounding spaces.

        Raises: ValueError.
        """
        text = value.strip()
        if any(unicodedata.category(letter) == "Cc" for letter in text):
            raise ValueError("Line breaks and other control characters are not allowed here.")
        return text


class FlagCell(Widget):
    """true or false."""

    def clean(self, value: str, row: Any = None, **options: Any) -> bool:
        """Accept `FLAGS` in any case.

        Raises: ValueError.
        """
        try:
            return FLAGS[value.strip().lower()]
        except KeyError:
            raise ValueError("Enter true or false.") from None

    def render(self, value: bool, obj: Any = None, **options: Any) -> str:
        """Return `true` or `false`."""
        return "true" if value else "false"


class LimitCell(Widget):
    """A daily limit, checked as in forms and commands; empty for no limit."""

    def clean(self, value: str, row: Any = None, **options: Any) -> int | None:
        """Return the limit.

        Raises: ValueError.
        """
        text = value.strip()
        if not text:
            return None
        try:  # -1 gives text that is no number the same message as a number below 0
            return check_limit(int(text) if WHOLE.fullmatch(text) else -1, "")
        except InvalidRequestError as error:
            raise ValueError(error.message) from error


class MomentCell(Widget):
    """A date or a time, read as by the command `whitelist`; empty for never."""

    def clean(self, value: str, row: Any = None, **options: Any) -> datetime | None:
        """Return the moment; a date alone is its first moment in UTC.

        Raises: ValueError.
        """
        text = value.strip()
        try:
            return parse_moment(text) if text else None
        except InvalidRequestError as error:
            raise ValueError(error.message) from error

    def render(self, value: datetime | None, obj: Any = None, **options: Any) -> str:
        """Return ISO 8601 in UTC, e.g. `2027-01-31T18:00:00Z`."""
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else ""
