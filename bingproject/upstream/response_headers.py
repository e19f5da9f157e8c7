"""Headers of a response as values. A fact of HTTP, and of no server's: every protocol reads them in this one way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_DECIMAL = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)


def find_header(headers: Mapping[str, str], name: str) -> str:
    """A header's value in whatever letter case it came; "" when absent. Shape: `name` is in lower case."""
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name), "")
    return found


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait; a date is measured against the response's own Date, so no clock is read.

    Shape: None when it does not say, or nothing that can be read.
    """
    value = find_header(headers, "retry-after").strip()
    if _DECIMAL.fullmatch(value):
        return float(value)
    until, now = _unix_seconds(value), _unix_seconds(find_header(headers, "date"))
    return None if until is None or now is None else max(0.0, until - now)


def _unix_seconds(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
