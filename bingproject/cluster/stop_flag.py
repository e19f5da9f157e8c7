"""Tell all processes of a cluster that it stops: one shared byte, without a lock that a killed process could keep.

Long jobs check `is_stopping()` and hand over. multiprocessing's Event is not used: a process that is killed while it
holds the event's lock, or waits on it, blocks all others without end.
"""

from __future__ import annotations

import time
from ctypes import c_bool
from multiprocessing.sharedctypes import RawValue

_POLL_SECONDS = 0.1


class Flag:
    """A boolean in memory that all later forks share; has the methods of multiprocessing.Event that django-q2 uses."""

    def __init__(self) -> None:
        self._is_up = RawValue(c_bool, False)

    def set(self) -> None:
        """Raise the flag. Safe in a signal handler."""
        self._is_up.value = True

    def is_set(self) -> bool:
        """True once any process raised it."""
        return bool(self._is_up.value)

    def wait(self, timeout: float) -> bool:
        """Sleep until it is raised, at most `timeout` seconds; return whether it is."""
        deadline = time.monotonic() + timeout
        while not self.is_set() and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS))
        return self.is_set()


_flag: Flag | None = None


def prepare() -> Flag:
    """Make a fresh flag for a cluster that is about to fork its workers."""
    global _flag
    _flag = Flag()
    return _flag


def request_stop() -> None:
    """Ask everything in this cluster to hand over. Does nothing outside a cluster."""
    if _flag is not None:
        _flag.set()


def is_stopping() -> bool:
    """True if the cluster of this process was asked to stop. Cheap enough for each turn of a loop."""
    return _flag is not None and _flag.is_set()
