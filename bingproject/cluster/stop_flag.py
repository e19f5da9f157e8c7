"""Has this machine's cluster been asked to stop? One shared byte, without a lock that a killed process could keep.

Long jobs ask `is_stopping()` and hand over. multiprocessing's own Event is not used: a process killed while it holds
the event's lock, or while it waits on it, blocks everyone else for ever.
"""

from __future__ import annotations

import time
from ctypes import c_bool
from multiprocessing.sharedctypes import RawValue

_POLL_SECONDS = 0.1


class Flag:
    """A yes or no in memory shared with every process forked after it was made; in place of multiprocessing.Event."""

    def __init__(self) -> None:
        self._is_up = RawValue(c_bool, False)

    def set(self) -> None:
        """Raise the flag; safe in a signal handler."""
        self._is_up.value = True

    def is_set(self) -> bool:
        """Whether anybody raised it."""
        return bool(self._is_up.value)

    def wait(self, timeout: float) -> bool:
        """Sleep until it is up, at most `timeout` seconds; whether it is up."""
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
    """Ask everything that runs in this cluster to hand over; nothing happens where there is no cluster."""
    if _flag is not None:
        _flag.set()


def is_stopping() -> bool:
    """Whether this process's cluster was asked to stop; cheap enough for every turn of a loop."""
    return _flag is not None and _flag.is_set()
