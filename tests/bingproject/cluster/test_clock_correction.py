"""A clock that is two hours ahead for a while, and right again: nothing is held up or poisoned by what it wrote."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.utils import timezone

from bingproject.alerts.causes import Cause, note
from bingproject.cluster.clock_correction import BELIEVED_AFTER_SECONDS, ClockWatch, SteadyClock, repair
from bingproject.models import Alert, Authenticator, LiveProcess, Machine, Periodic
from tests.factories import make_machine, make_process

pytestmark = pytest.mark.django_db
AHEAD = timedelta(hours=2)
JOBS = {"accounts.jobs.renew_tokens": 120.0, "bingproject.jobs.tell_alerts": 30.0}


class Clocks:
    """A clock that can be set, and one that only goes forward."""

    def __init__(self) -> None:
        self.steady, self.ahead = 1000.0, 0.0

    def watch(self) -> ClockWatch:
        """One that has looked once, as at a start."""
        watch = ClockWatch(lambda: self.steady + self.ahead, lambda: self.steady)
        watch.look()
        return watch


def test_periodic_work_is_due_again() -> None:
    """It was done while the clock was ahead, and would not be due for two hours."""
    now = timezone.now()
    Periodic.objects.plan(JOBS, now + AHEAD)
    assert Periodic.objects.claim_due(JOBS, now + AHEAD) == list(JOBS)
    assert Periodic.objects.claim_due(JOBS, now) == []
    assert repair(now) == 2
    assert sorted(Periodic.objects.claim_due(JOBS, now)) == sorted(JOBS)
    assert repair(now) == 0  # what is due in its own time stays


def test_who_died_meanwhile_does_not_live_on() -> None:
    """Its heartbeat would be fresh for two hours: a cluster and a process."""
    now = timezone.now()
    make_machine(seen_at=now + AHEAD)
    make_process("x", seen_at=now + AHEAD)
    repair(now)
    later = now + timedelta(seconds=61)
    assert not Machine.objects.live(later).exists()
    assert not LiveProcess.objects.filter(seen_at__gte=later - timedelta(seconds=60)).exists()


def test_alerts_end_and_are_told() -> None:
    """One that began while the clock was ahead ends when its cause does; one that was told is told again in time."""
    now = timezone.now()
    note([Cause("account 1", "expired", "paste")], now + AHEAD)
    Alert.objects.update(notified_at=now + AHEAD)
    repair(now)
    note([], now)
    row = Alert.objects.get()
    assert row.ended_at == now and row.notified_at == now


def test_locks_end_in_time() -> None:
    """A name that was locked, and a second factor that was throttled, are not for two hours more."""
    now = timezone.now()
    user = User.objects.create_user("anna")
    attempt = AccessAttempt.objects.create(username="anna", failures_since_start=5)
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=now + AHEAD)
    device = Authenticator.objects.create(user=user, throttling_failure_timestamp=now + AHEAD)
    repair(now)
    attempt.refresh_from_db()
    device.refresh_from_db()
    assert attempt.attempt_time == now and device.throttling_failure_timestamp == now


def test_is_repaired_when_the_clock_is_set_back(caplog: pytest.LogCaptureFixture) -> None:
    """At once, not only with the next minute; a clock that is set forward, or corrected a little, is no reason."""
    clocks = Clocks()
    watch = clocks.watch()
    clocks.ahead = 7200.0
    Periodic.objects.create(name="accounts.jobs.renew_tokens", due_at=timezone.now() + AHEAD)
    assert watch.look() == 0
    clocks.ahead = 7195.0
    assert watch.look() == 0
    clocks.ahead = 0.0
    with caplog.at_level(logging.WARNING, "bingproject.cluster.clock_correction"):
        assert watch.look() == 1
    assert "1 moments in the future were set to now" in caplog.text


def test_is_repaired_each_minute() -> None:
    """What another machine wrote, or this one before it was restarted."""
    clocks = Clocks()
    watch = clocks.watch()
    make_machine(seen_at=timezone.now() + AHEAD)
    assert watch.look() == 0
    clocks.steady += 61
    assert watch.look() == 1


def test_a_jump_ahead_is_not_believed_at_once() -> None:
    """For a moment it changes nothing; one that stands is right; one back, and a small one, are right at once."""
    clocks = Clocks()
    steady = SteadyClock(lambda: clocks.steady + clocks.ahead, lambda: clocks.steady)

    def shown() -> float:
        shows = clocks.steady + clocks.ahead
        return shows - steady.time_of(datetime.fromtimestamp(shows, UTC)).timestamp()

    assert shown() == 0
    for ahead in (7200.0, 864_000.0):
        clocks.ahead = ahead
        assert shown() == ahead
        clocks.steady += 80
        assert shown() == ahead
        clocks.ahead = 0.0
        assert shown() == 0
    clocks.ahead = 7200.0
    assert shown() == 7200
    clocks.steady += BELIEVED_AFTER_SECONDS
    assert shown() == 0
    for ahead in (7210.0, 0.0, -7200.0):
        clocks.ahead = ahead
        assert shown() == 0
