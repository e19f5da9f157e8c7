"""The stop flag: one shared byte that every forked process sees."""

from __future__ import annotations

import subprocess
import sys

from bingproject.cluster import stop_flag

# In a process of its own: this one may have threads, and must not fork.
BOTH_WAYS = """
import os
from bingproject.cluster import stop_flag as stopping

flag = stopping.prepare()
child = os.fork()
if not child:
    os._exit(int(not flag.wait(20)))
stopping.request_stop()
print("child saw it", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, stopping.is_stopping())
stopping.prepare()
print("a new cluster stops", stopping.is_stopping())
child = os.fork()
if not child:
    stopping.request_stop()
    os._exit(0)
os.waitpid(child, 0)
print("parent saw it", stopping.is_stopping())
"""


def test_no_cluster_never_stops() -> None:
    """Outside a cluster, as in a fresh process, nobody stops, and asking to stop does nothing."""
    code = "from bingproject.cluster import stop_flag as f; f.request_stop(); print(f.is_stopping())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_engine_rule_11_a_forked_process_sees_the_stop() -> None:
    """Raised on one side of a fork, seen on the other, both ways round; a new cluster begins with its own flag."""
    ran = subprocess.run([sys.executable, "-c", BOTH_WAYS], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["child saw it True True", "a new cluster stops False", "parent saw it True"]


def test_waiting_ends_without_a_stop() -> None:
    """Nobody stops: the wait ends by itself and says so."""
    assert stop_flag.Flag().wait(0.05) is False
