"""Signs of life: written on one side of a fork, read on the other."""

from __future__ import annotations

import subprocess
import sys

from bingproject.cluster import heartbeat

# In a process of its own: this one may have threads, and must not fork.
OVER_A_FORK = """
import os
from bingproject.cluster.heartbeat import Heartbeat

signs = Heartbeat()
print(signs.has_idle_worker, signs.is_broken)
child = os.fork()
if not child:
    signs.beat(2)
    signs.mark_broken()
    signs.mark_canary_run(5)
    signs.mark_canary_acknowledged(4)
    os._exit(0)
os.waitpid(child, 0)
print(signs.has_idle_worker, signs.is_broken, signs.has_come_through(4), signs.has_come_through(5))
"""


def test_a_fork_writes_what_we_read() -> None:
    """Guard, worker and monitor are other processes: main sees what they wrote; run is not yet acknowledged."""
    ran = subprocess.run([sys.executable, "-c", OVER_A_FORK], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["False False", "True True True False"]


def test_a_late_canary_takes_nothing_back() -> None:
    """An older number that comes last leaves the newer one as it is."""
    beat = heartbeat.Heartbeat()
    for number in (3, 2):
        beat.mark_canary_run(number)
        beat.mark_canary_acknowledged(number)
    assert beat.has_come_through(3)


def test_silence_has_an_age() -> None:
    """The guard's silence is counted from its last beat."""
    beat = heartbeat.Heartbeat()
    beat.beat(0)
    first = beat.guard_age_seconds
    assert 0 <= first <= beat.guard_age_seconds


def test_no_cluster_has_no_pulse() -> None:
    """Outside a cluster there is nobody to give signs to."""
    assert heartbeat.current() is None
