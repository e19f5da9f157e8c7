"""The cells of a whitelist file: text → value, or what is wrong with it; value → text."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, time
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from import_export.widgets import Widget

from accounts.services import check_limit
from bingproject.errors import InvalidRequestError

FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
WHOLE = re.compile(r"[0-9]{1,9}")


class TextCell(Widget):
    """A line of text."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def clean(self, value: str, row: Any = None, **options: Any) -> str:
        """The text. Raises: ValueError."""
        text = value.strip()
        if len(text) > self.most:
            raise ValueError(f"At most {self.most} characters.")
        if any(unicodedata.category(letter) == "Cc" for letter in text):
            raise ValueError("Line ends and other control characters are not possible here.")
        return text


class IdCell(TextCell):
    """A user's id; whether it may hold blanks depends on whether the user is new."""

    def clean(self, value: str, row: Any = None, **options: Any) -> str:
        """The id. Raises: ValueError."""
        text = super().clean(value)
        if not text:
            raise ValueError("An id is needed.")
        if not text.isprintable():
            raise ValueError("An id is made of printable characters.")
        return text


class FlagCell(Widget):
    """Yes or no."""

    def clean(self, value: str, row: Any = None, **options: Any) -> bool:
        """The flag. Raises: ValueError."""
        try:
            return FLAGS[value.strip().lower()]
        except KeyError:
            raise ValueError("Say true or false.") from None

    def render(self, value: bool, obj: Any = None, **options: Any) -> str:
        """One word."""
        return "true" if value else "false"


class CountCell(Widget):
    """A limit, by the same check as in forms and commands; nothing means none."""

    def clean(self, value: str, row: Any = None, **options: Any) -> int | None:
        """The number. Raises: ValueError."""
        text = value.strip()
        if not text:
            return None
        try:  # what is no number is refused in the same words as one below 0
            return check_limit(int(text) if WHOLE.fullmatch(text) else -1, "")
        except InvalidRequestError as error:
            raise ValueError(error.message) from error


class TimeCell(Widget):
    """A moment in UTC; nothing means never."""

    def clean(self, value: str, row: Any = None, **options: Any) -> datetime | None:
        """The moment; a day alone is its beginning. Raises: ValueError."""
        text = value.strip()
        if not text:
            return None
        try:
            day = parse_date(text)
            moment = datetime.combine(day, time()) if day else parse_datetime(text)
        except ValueError:  # well formed, but no such day
            moment = None
        if moment is None:
            raise ValueError("Give a day or a moment such as 2027-01-31 or 2027-01-31T18:00:00Z, or nothing for never.")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    def render(self, value: datetime | None, obj: Any = None, **options: Any) -> str:
        """ISO 8601."""
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else ""
