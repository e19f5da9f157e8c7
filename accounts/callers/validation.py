"""Validate ids, expiries, limits and scopes; forms, commands and imports show the errors' messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, time

from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import SCOPES
from bingproject.errors import InvalidRequestError

USER_ID_CHARACTERS = 100
LARGEST_LIMIT = 1_000_000
READ_ONLY = "read"


def check_user_id(text: str) -> str:
    """Return the id without surrounding spaces, in Unicode's composed form (NFC).

    Raises: InvalidRequestError when it is empty or too long, or contains spaces or control characters.
    """
    user_id = compose(text)
    if not user_id or len(user_id) > USER_ID_CHARACTERS or not user_id.isprintable() or re.search(r"\s", user_id):
        message = f"A user id is 1 to {USER_ID_CHARACTERS} printable characters without spaces."
        raise InvalidRequestError(message, param="user_id")
    return user_id


def compose(text: str) -> str:
    """Return a text without surrounding spaces, in Unicode's composed form (NFC): `e` and U+0301 become `é`."""
    return unicodedata.normalize("NFC", text.strip())


def check_expiry(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a future moment, or None for never.

    Raises: InvalidRequestError.
    """
    if moment is not None and moment <= now:
        raise InvalidRequestError("This time has passed already. Give a later one, or none.", param="expires_at")
    return moment


def check_limit(number: int | None, param: str, *, least: int = 0) -> int | None:
    """Return a limit per day or minute, or None for no limit.

    Raises: InvalidRequestError.
    """
    if number is not None and not least <= number <= LARGEST_LIMIT:
        message = f"Give a whole number from {least} to {LARGEST_LIMIT:,}, or none for no limit."
        raise InvalidRequestError(message, param=param)
    return number


def check_scopes(names: Iterable[str]) -> dict[str, bool]:
    """Return the scope columns of a key, e.g. `{"can_chat": True, …}`; all are False for `read` and for no scope.

    Raises: InvalidRequestError.
    """
    wanted = {name.strip() for name in names} - {""}
    unknown = sorted(wanted - {*SCOPES, READ_ONLY})
    if unknown:
        message = f"There is no scope {unknown[0][:40]!r}. Name some of {', '.join(SCOPES)}, or only {READ_ONLY}."
        raise InvalidRequestError(message, param="scopes")
    return {column: name in wanted for name, column in SCOPES.items()}


def parse_moment(text: str) -> datetime:
    """Return the moment of an ISO 8601 text; a date is its first moment, and UTC applies without an offset.

    Spreadsheets write months, days and hours with one digit, so that is accepted too.

    Raises:
        InvalidRequestError: The text is neither a date nor a time.
    """
    text = text.strip()
    try:
        day = parse_date(text)
        moment = datetime.combine(day, time()) if day else parse_datetime(text)
    except ValueError:  # well-formed, but there is no such day or time
        moment = None
    if moment is None:
        message = f"Give a date or a time such as 2027-01-31 or 2027-01-31T18:00, not {text[:40]!r}."
        raise InvalidRequestError(message, param="expires_at")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
