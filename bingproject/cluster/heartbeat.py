"""Heartbeats in memory that a cluster's processes share, without locks, which a killed process could keep."""

from __future__ import annotations

import time
from ctypes import c_bool, c_double, c_long
from multiprocessing.sharedctypes import RawValue


class Heartbeat:
    """Values that the guard, the workers and the monitor write and the watchdog reads, one machine word each.

    Times are seconds of the monotonic clock, which all processes of a machine share.
    """

    def __init__(self) -> None:
        self._guard_beat = RawValue(c_double, time.monotonic())
        self._idle_count = RawValue(c_long, 0)
        self._is_broken = RawValue(c_bool, False)
        self._canary_run = RawValue(c_long, 0)
        self._canary_acknowledged = RawValue(c_long, 0)

    def beat(self, idle_count: int) -> None:
        """Record that the guard lives, and how many workers are idle."""
        self._guard_beat.value = time.monotonic()
        self._idle_count.value = idle_count

    @property
    def guard_age_seconds(self) -> float:
        """Seconds since the guard's last beat."""
        return time.monotonic() - float(self._guard_beat.value)

    @property
    def has_idle_worker(self) -> bool:
        """True if some worker could take a job."""
        return self._idle_count.value > 0

    def mark_broken(self) -> None:
        """Record that a process died that may hold a lock of the queues, after which no job may ever arrive."""
        self._is_broken.value = True

    @property
    def is_broken(self) -> bool:
        """True if the queues between the processes may be blocked."""
        return bool(self._is_broken.value)

    def mark_canary_run(self, number: int) -> None:
        """Record that a worker ran the canary of this number."""
        self._canary_run.value = max(number, self._canary_run.value)

    def mark_canary_acknowledged(self, number: int) -> None:
        """Record that the monitor acknowledged the canary of this number."""
        self._canary_acknowledged.value = max(number, self._canary_acknowledged.value)

    def has_come_through(self, number: int) -> bool:
        """True if the canary of this number, or a later one, was run and acknowledged."""
        return min(self._canary_run.value, self._canary_acknowledged.value) >= number


_heartbeat: Heartbeat | None = None


def prepare() -> Heartbeat:
    """Create the heartbeats of a cluster that is about to fork its workers."""
    global _heartbeat
    _heartbeat = Heartbeat()
    return _heartbeat


def current() -> Heartbeat | None:
    """Return the heartbeats of this process's cluster; None outside a cluster."""
    return _heartbeat
