"""Correct rows after a clock ran ahead and was set back, as when a virtual machine resumes.

Moments that were written meanwhile are in the future: work would not be due, alerts not sent, names stay locked and
accounts cooling down for as long as the clock was ahead. Each moment further in the future than its purpose allows is
set to now. Deadlines do not trust a jump ahead at once, so that waiting tasks do not expire.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.module_loading import import_string

from bingproject.models import Alert, Authenticator, LiveProcess, Periodic

# More than the clocks of several machines should differ.
SLACK = timedelta(seconds=20)
# After this time a jump ahead is accepted: the machine slept, or its clock was behind.
BELIEVED_AFTER_SECONDS = 600.0
REPAIR_EVERY_SECONDS = 60.0  # also without a jump: other machines, or an earlier process, may have written rows
logger = logging.getLogger(__name__)
Repair = Callable[[datetime], int]


class ClockWatch:
    """Detect by the monotonic clock that the wall clock was set back, and repair rows."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._difference = wall() - steady()
        self._repair_at = 0.0

    def look(self) -> int:
        """Repair rows if the clock was set back or a minute is over; return how many were set to now."""
        difference, steady = self._wall() - self._steady(), self._steady()
        is_set_back = difference < self._difference - SLACK.total_seconds()
        self._difference = difference
        if not is_set_back and steady < self._repair_at:
            return 0
        self._repair_at = steady + REPAIR_EVERY_SECONDS
        count = repair(timezone.now())
        if count:
            logger.warning("The clock was set back: %d moments in the future were set to now.", count)
        return count


class SteadyClock:
    """The time of day without jumps ahead that do not last, for the deadlines of waiting tasks."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._difference = wall() - steady()
        self._jumped_at: float | None = None

    def time_of(self, now: datetime) -> datetime:
        """Return the time to use while a clock, of this machine or the database, shows `now`."""
        steady = self._steady()
        difference = now.timestamp() - steady
        jump = difference - self._difference
        if jump > SLACK.total_seconds():
            self._jumped_at = steady if self._jumped_at is None else self._jumped_at
            if steady - self._jumped_at < BELIEVED_AFTER_SECONDS:
                return now - timedelta(seconds=jump)
        self._difference, self._jumped_at = difference, None
        return now


# Created when a cluster begins: its workers are forks and keep this starting point.
steady_clock = SteadyClock()


def repair(now: datetime) -> int:
    """Call each function of CLOCK_REPAIRS; return how many rows they changed."""
    repairs: list[Repair] = [import_string(name) for name in settings.CLOCK_REPAIRS]
    return sum(one(now) for one in repairs)


def pull_back(now: datetime) -> int:
    """Repair processes, periodic work, alerts and locked log-ins; return how many rows changed."""
    ahead = now + SLACK
    count = sum(
        Periodic.objects.filter(name=name, due_at__gt=ahead + timedelta(seconds=seconds)).update(due_at=now)
        for name, seconds in settings.CLUSTER_PERIODIC.items()
    )
    moments: tuple[tuple[models.QuerySet[Any], str], ...] = (
        (LiveProcess.objects.all(), "seen_at"),
        (Alert.objects.all(), "began_at"),
        (Alert.objects.all(), "seen_at"),
        (Alert.objects.all(), "notified_at"),
        (AccessAttempt.objects.all(), "attempt_time"),
        (Authenticator.objects.all(), "throttling_failure_timestamp"),
    )
    return count + pull_back_moments(moments, now)


def pull_back_moments(moments: Iterable[tuple[models.QuerySet[Any], str]], now: datetime) -> int:
    """Set each column to now where it is further ahead than SLACK; return how many rows changed."""
    ahead = now + SLACK
    return sum(rows.filter(**{f"{column}__gt": ahead}).update(**{column: now}) for rows, column in moments)
