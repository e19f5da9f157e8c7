"""Looks at a running system once a second: tasks in flight, memory, CPU, threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from tests.rig.processes import cpu_seconds, pss_bytes, thread_count
from tests.rig.system import System

PERIOD_SECONDS = 1.0
MEBIBYTE = 1024**2
OPEN_STATES = ("queued", "submitting", "uncertain", "polling")
CLUSTER_NAMES = ("bp-cluster", "bp-guard", "bp-worker", "bp-monitor", "bp-pusher")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. Units: bytes, and CPU seconds since the processes began."""

    at: float
    in_flight: int
    queued: int
    cluster_pss: int
    web_pss: int
    cluster_cpu: float
    web_cpu: float
    web_threads: int


def pids_of(system: System, *names: str) -> list[int]:
    """The system's processes of these names."""
    return [process.pid for part in system.parts for process in part.processes() if process.name in names]


class Sampler(threading.Thread):
    """Samples until stopped."""

    def __init__(self, system: System) -> None:
        super().__init__(name="sampler", daemon=True)
        self.samples: list[Sample] = []
        self._system = system
        self._is_over = threading.Event()

    def run(self) -> None:
        """Look, wait, look again."""
        while not self._is_over.wait(PERIOD_SECONDS):
            self.samples.append(self.look())

    def look(self) -> Sample:
        """One look now."""
        system = self._system
        cluster, web = pids_of(system, *CLUSTER_NAMES), pids_of(system, "bp-web")
        sql = "SELECT state = 'queued', COUNT(*) FROM creator_task WHERE state IN (%s, %s, %s, %s) GROUP BY 1"
        found = {bool(is_queued): int(count) for is_queued, count in system.rows.query(sql, OPEN_STATES)}
        return Sample(
            time.time(), found.get(False, 0), found.get(True, 0), pss_bytes(cluster), pss_bytes(web),
            cpu_seconds(cluster), cpu_seconds(web), max((thread_count(pid) for pid in web), default=0),
        )  # fmt: skip

    def stop(self) -> list[Sample]:
        """No more looks; all of them."""
        self._is_over.set()
        self.join()
        self._system.rows.close()
        return self.samples


def cores(samples: list[Sample], field: str) -> float:
    """Average CPU between the first and the last sample, in cores."""
    if len(samples) < 2:
        return float("nan")
    first, last = samples[0], samples[-1]
    return float((getattr(last, field) - getattr(first, field)) / (last.at - first.at))
