"""When used-up credits come back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from chat.protocol.m365.credits import has_spent, seconds_to_clock_time, seconds_to_reset

NOW = datetime(2026, 11, 30, 17, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("check back at 7:00 PM.", 7_200),
        ("Check back at 7:00\u202fPM", 7_200),
        ("check back at 19:00", 7_200),
        ("check back at 5:00 p.m.", 86_400),
        ("check back at 12:00 AM", 7 * 3_600),
        ("check back at 12:30 PM", 19.5 * 3_600),
        ("check back at 25:00", None),
        ("check back at 7:75 PM", None),
        ("check back tomorrow", None),
    ],
)
def test_the_next_time_of_day(words: str, seconds: float | None) -> None:
    """Today or tomorrow, in the zone of the given time."""
    assert seconds_to_clock_time(words, NOW) == seconds


@pytest.mark.parametrize(
    "metering", [None, 7, {}, [], ["x"], [{"remainingAllowance": True}], [{"remainingAllowance": 2}]]
)
def test_nothing_is_spent(metering: object) -> None:
    """No meters, meters with something left, and what is no meter."""
    assert not has_spent(metering)
    assert seconds_to_reset(metering, NOW) is None


def test_the_last_meter_to_fill_counts() -> None:
    """Of those at 0; one that does not say when is left out."""
    meters = [
        {"remainingAllowance": 0, "resetAt": "2026-11-30T18:00:00+01:00"},
        {"remainingAllowance": 0, "resetAt": "2026-11-30T18:00:00Z"},
        {"remainingAllowance": 0, "resetAt": 17},
        {"remainingAllowance": 5, "resetAt": "2026-12-30T18:00:00Z"},
    ]
    assert has_spent(meters)
    assert seconds_to_reset(meters, NOW) == 7_200
