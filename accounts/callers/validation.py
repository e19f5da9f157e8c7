"""The terms that users and keys are let in on: which values are right, said so that a form or a command can show it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from accounts.models import SCOPES
from bingproject.errors import InvalidRequestError

USER_ID_CHARACTERS = 100
LARGEST_LIMIT = 1_000_000
READ_ONLY = "read"


def check_user_id(text: str) -> str:
    """The id without blanks around it.

    Raises: InvalidRequestError when it is empty, too long, or holds blanks or control characters.
    """
    user_id = text.strip()
    if not user_id or len(user_id) > USER_ID_CHARACTERS or not user_id.isprintable() or re.search(r"\s", user_id):
        message = f"A user id is 1 to {USER_ID_CHARACTERS} printable characters without blanks."
        raise InvalidRequestError(message, param="user_id")
    return user_id


def check_expiry(moment: datetime | None, now: datetime) -> datetime | None:
    """A moment to come, or none. Raises: InvalidRequestError."""
    if moment is not None and moment <= now:
        raise InvalidRequestError("This moment has passed already. Give a later one, or none.", param="expires_at")
    return moment


def check_limit(number: int | None, param: str, *, least: int = 0) -> int | None:
    """How many a day or a minute; none is no limit. Raises: InvalidRequestError."""
    if number is not None and not least <= number <= LARGEST_LIMIT:
        message = f"Give a whole number from {least} to {LARGEST_LIMIT:,}, or none for no limit."
        raise InvalidRequestError(message, param=param)
    return number


def check_scopes(names: Iterable[str]) -> dict[str, bool]:
    """Which columns of a key these scopes set; `read`, or none at all, is to read only.

    Raises: InvalidRequestError.
    """
    wanted = {name.strip() for name in names} - {""}
    unknown = sorted(wanted - {*SCOPES, READ_ONLY})
    if unknown:
        message = f"There is no scope {unknown[0][:40]!r}. Name some of {', '.join(SCOPES)}, or only {READ_ONLY}."
        raise InvalidRequestError(message, param="scopes")
    return {column: name in wanted for name, column in SCOPES.items()}


def parse_moment(text: str) -> datetime:
    """`2027-01-31` is that day's first moment, UTC; `2027-01-31T18:00` and with an offset are taken as they are.

    Raises: InvalidRequestError.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"Give a day or a moment such as 2027-01-31 or 2027-01-31T18:00, not {text[:40]!r}."
        raise InvalidRequestError(message, param="expires_at") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
