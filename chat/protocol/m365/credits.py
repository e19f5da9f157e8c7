"""Read when an account that has used up its credits may ask again: meters with a time, or a sentence with a clock time.

Source: docs/wire/m365.md, sections 5.3 and 5.6.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

# "… or check back at 7:00 PM.", in the time zone of the account.
_CLOCK_TIME = re.compile(r"check back at (\d{1,2}):(\d{2})(?:[\s\u202f\xa0]?([AP])\.?M)?", re.IGNORECASE | re.ASCII)


def seconds_to_reset(metering: Any, now: datetime) -> float | None:
    """Return the seconds until every meter at 0 has filled again; None if none is at 0 or none says when.

    Args:
        metering: The value of `meteringInformation`: a list of `{remainingAllowance, totalAllowance, resetAt}`.
        now: An aware time.
    """
    entries = [entry for entry in metering if isinstance(entry, dict)] if isinstance(metering, list) else []
    resets = [_parse_time(entry.get("resetAt"), now) for entry in entries if is_spent(entry)]
    waits = [(reset - now).total_seconds() for reset in resets if reset is not None]
    return max(0.0, *waits) if waits else None


def has_spent(metering: Any) -> bool:
    """True if a meter of `meteringInformation` is at 0."""
    return isinstance(metering, list) and any(isinstance(entry, dict) and is_spent(entry) for entry in metering)


def seconds_to_clock_time(sentence: str, now: datetime) -> float | None:
    """Return the seconds until the next time of day that a sentence names; None if it names none.

    Args:
        sentence: For instance "You've reached your daily limit. Get more usage now or check back at 7:00 PM."
        now: A time in the account's time zone.
    """
    found = _CLOCK_TIME.search(sentence)
    if found is None:
        return None
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").upper()
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    if hour > 23 or minute > 59:
        return None
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (at - now if at > now else at + timedelta(days=1) - now).total_seconds()


def is_spent(meter: dict[str, Any]) -> bool:
    """True if a meter says that nothing is left."""
    allowance = meter.get("remainingAllowance")  # `type`, since a JSON true is an int for `isinstance`
    return type(allowance) is int and allowance <= 0


def _parse_time(value: Any, now: datetime) -> datetime | None:
    """Return an ISO 8601 time. Uncertain: its form was not reported, so anything else is ignored."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
