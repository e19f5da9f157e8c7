"""Parse response headers as HTTP defines them, the same for every protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_DECIMAL = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
# A longer wait counts as a day: a server's mistake must not put an account out of use for decades.
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
_MOST_DIGITS = 9


def find_header(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value, ignoring the case of its name; "" if absent.

    Args:
        name: The name in lower case.
    """
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name), "")
    return found


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, at most `LONGEST_RETRY_AFTER_SECONDS`; None if it is absent or invalid.

    A date is compared with the response's own `Date`, so this machine's clock does not matter.
    """
    value = find_header(headers, "retry-after").strip()
    if _DECIMAL.fullmatch(value):
        is_readable = len(value.partition(".")[0].lstrip("0")) <= _MOST_DIGITS
        return min(float(value), LONGEST_RETRY_AFTER_SECONDS) if is_readable else LONGEST_RETRY_AFTER_SECONDS
    until, now = _unix_seconds(value), _unix_seconds(find_header(headers, "date"))
    return None if until is None or now is None else min(max(0.0, until - now), LONGEST_RETRY_AFTER_SECONDS)


def _unix_seconds(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
