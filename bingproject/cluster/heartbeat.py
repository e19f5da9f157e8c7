"""Signs of life in memory shared by a cluster's processes: no lock, so that no killed process can keep one."""

from __future__ import annotations

import time
from ctypes import c_bool, c_double, c_long
from multiprocessing.sharedctypes import RawValue


class Pulse:
    """What the watchdog reads and the guard, the workers and the monitor write, one plain word each.

    Units: `guard_beat` in seconds of the monotonic clock, which all processes of a machine share.
    """

    def __init__(self) -> None:
        self._guard_beat = RawValue(c_double, time.monotonic())
        self._idle_count = RawValue(c_long, 0)
        self._is_broken = RawValue(c_bool, False)
        self._canary_run = RawValue(c_long, 0)
        self._canary_acknowledged = RawValue(c_long, 0)

    def beat(self, idle_count: int) -> None:
        """The guard is alive, and so many workers have nothing to do."""
        self._guard_beat.value = time.monotonic()
        self._idle_count.value = idle_count

    @property
    def guard_age_seconds(self) -> float:
        """How long the guard has been silent."""
        return time.monotonic() - float(self._guard_beat.value)

    @property
    def has_idle_worker(self) -> bool:
        """Whether some worker could have taken a job."""
        return self._idle_count.value > 0

    def mark_broken(self) -> None:
        """A process died that may have held a lock of the queues: nothing may ever come through again."""
        self._is_broken.value = True

    @property
    def is_broken(self) -> bool:
        """Whether the queues between the processes can no longer be trusted."""
        return bool(self._is_broken.value)

    def mark_canary_run(self, number: int) -> None:
        """A worker ran the canary of this number."""
        self._canary_run.value = max(number, self._canary_run.value)

    def mark_canary_acknowledged(self, number: int) -> None:
        """The monitor has acknowledged the canary of this number."""
        self._canary_acknowledged.value = max(number, self._canary_acknowledged.value)

    def has_come_through(self, number: int) -> bool:
        """Whether the canary of this number was run and acknowledged."""
        return min(self._canary_run.value, self._canary_acknowledged.value) >= number


_pulse: Pulse | None = None


def prepare() -> Pulse:
    """Make fresh signs of life for a cluster that is about to fork its workers."""
    global _pulse
    _pulse = Pulse()
    return _pulse


def current() -> Pulse | None:
    """Those of the cluster this process belongs to; None outside a cluster."""
    return _pulse
