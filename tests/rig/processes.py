"""Processes of a system under test: found by a mark in their environment, whoever their parent is by now.

Linux only: everything is read from /proc. Memory is the proportional set size, so shared pages count once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MARK = "BINGPROJECT_RIG"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One living process: its role by the name it gave itself, or by its command."""

    pid: int
    name: str
    parent: int


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


def is_alive(pid: int) -> bool:
    """Whether the process runs or sleeps; a zombie is dead."""
    return _stat(pid) is not None


def marked(mark: str) -> list[Process]:
    """All living processes whose mark begins so, orphans included, in the order of their ids."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if not any(item.startswith(wanted) for item in entry.joinpath("environ").read_bytes().split(b"\0")):
                continue
            name = entry.joinpath("comm").read_text().strip()
        except OSError:
            continue
        fields = _stat(int(entry.name))
        if fields is not None:
            found.append(Process(int(entry.name), name, int(fields[1])))
    return sorted(found, key=lambda process: process.pid)


def descendants(root: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each; those that are gone are passed over (0 says so, and would be our own group)."""
    for pid in filter(None, pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end_all(mark: str) -> None:
    """Kill whatever carries the mark, until nothing does."""
    deadline = time.monotonic() + 10
    while (left := marked(mark)) and time.monotonic() < deadline:
        pids = [process.pid for process in left]
        send(pids, signal.SIGKILL)
        send(pids, signal.SIGCONT)
        time.sleep(0.05)


def pss_bytes(pids: Iterable[int]) -> int:
    """Memory of the processes together, shared pages counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of the processes and of their children that have ended."""
    total = 0
    for pid in pids:
        fields = _stat(pid)
        if fields is not None:
            total += sum(int(field) for field in fields[11:15])
    return total / _TICKS


def exact_cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of the living threads of the processes, to the nanosecond: for little work over a short time."""
    nanoseconds = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds += int(thread.joinpath("schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def thread_count(pid: int) -> int:
    """Threads of one process; 0 when it is gone."""
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    return 0


def machine() -> str:
    """The machine in one line, for reports."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        "unknown processor",
    )  # fmt: skip
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GB, Linux {os.uname().release}"
