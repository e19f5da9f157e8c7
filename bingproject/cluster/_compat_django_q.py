"""django-q2's Cluster made safe unattended: nothing that is killed, at whatever moment, leaves it hanging.

Main (watchdog) forks a guard; the guard forks workers, monitor and pusher, and replaces those that die. What the stock
cluster does not survive, and this one does, stands in docs/decisions.md.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from django.db import connections
from django.dispatch import receiver
from django_q.cluster import Cluster, Sentinel
from django_q.conf import Conf
from django_q.monitor import monitor
from django_q.pusher import pusher
from django_q.signals import post_spawn

from bingproject import pulse, stopping
from bingproject.brokers import own_broker
from bingproject.liveness import SignOfLife
from bingproject.processes import bind_forks, name_process
from bingproject.watchdog import Watchdog

GUARD_DEAD, HUNG = 3, 4  # exit codes: whoever started us must start us again
TICK_SECONDS = 0.5
DRAIN_SECONDS = 3.6  # a runner waits up to three for answers to what it has sent
GUARD_SILENT_SECONDS = 10.0
MAIN_SILENT_SECONDS = 60  # longer than SQLite's wait for its lock, chore by chore
_LOCK_SECONDS = 1.0
_log = logging.getLogger(__name__)
_fork = multiprocessing.get_context("fork")


class SafeSentinel(Sentinel):  # type: ignore[misc]  # django-q2 ships no types
    """The guard: as django-q2's, but it never waits for what a dead process holds, and says when it cannot go on."""

    def __init__(self, *arguments: Any) -> None:
        os.setpgrp()  # a group of its own: main can kill all of it and exit with a code of its own
        name_process("bp-guard")
        signs = pulse.current()
        if signs is None:
            raise RuntimeError("the guard is started by DrainCluster only")
        self._pulse = signs
        super().__init__(*arguments)

    def spawn_monitor(self) -> Any:
        """Start the process that takes results and acknowledges jobs."""
        return self.spawn_process(_run_monitor, self.result_queue, self.broker)

    def spawn_pusher(self) -> Any:
        """Start the process that takes jobs from the broker."""
        return self.spawn_process(_run_pusher, self.task_queue, self.event_out, self.broker)

    def guard(self) -> None:
        """Look after everyone until the cluster is asked to stop."""
        self.start_event.set()
        while not self.stop_event.wait(Conf.GUARD_CYCLE):
            if os.getppid() != self.parent_pid:  # Linux has killed us by now; elsewhere this ends the orphans
                os.killpg(0, signal.SIGKILL)
            idle_count = sum(self._look_after(worker) for worker in list(self.pool))
            for process in (self.monitor, self.pusher):
                if not process.is_alive():
                    self.reincarnate(process)
            self._pulse.beat(idle_count)
        self.stop()

    def _look_after(self, worker: Any) -> bool:
        """Replace a worker that died or is over its time; whether it has nothing to do."""
        lock = worker.timer.get_lock()
        if not lock.acquire(timeout=_LOCK_SECONDS):
            self._pulse.mark_broken()  # held so long only by a process that was killed
            return False
        try:
            seconds_left = worker.timer.value
            if not worker.is_alive() or seconds_left == 0:
                self.reincarnate(worker)
            elif seconds_left > 0:
                worker.timer.value = max(0.0, seconds_left - Conf.GUARD_CYCLE)
            return bool(seconds_left < 0)
        finally:
            lock.release()

    def reincarnate(self, process: Any) -> None:
        """Replace a dead process. One that was killed while it waited on a queue took the queue's lock with it."""
        is_waiting = process is self.monitor or (process in self.pool and process.timer.value < 0)
        if is_waiting and (process.exitcode or 0) < 0:
            self._pulse.mark_broken()
        super().reincarnate(process)

    def stop(self) -> None:
        """Wait for running jobs to hand over, have their results saved, end everyone.

        Jobs fetched but not begun are dropped: each is a nudge, made again from rows.
        """
        self.pusher.kill()
        deadline = time.monotonic() + DRAIN_SECONDS
        while any(map(_is_busy, self.pool)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.result_queue.put("STOP")
        self.monitor.join(timeout=0.3)
        for process in (*self.pool, self.monitor):
            process.kill()


def _run_monitor(*arguments: Any) -> None:
    name_process("bp-monitor")
    monitor(*arguments)


def _run_pusher(*arguments: Any) -> None:
    name_process("bp-pusher")
    pusher(*arguments)


@receiver(post_spawn)
def _name_worker(**_signal: Any) -> None:
    name_process("bp-worker")


def _is_busy(worker: Any) -> bool:
    """Whether it runs a job; read without the lock, which it may hold for ever once it is killed."""
    return bool(worker.is_alive() and worker.timer.get_obj().value > 0)


class DrainCluster(Cluster):  # type: ignore[misc]  # django-q2 ships no types
    """A cluster for one machine's own queue that ends with a code instead of hanging."""

    def __init__(self) -> None:
        self.stop_event = stop_event = stopping.prepare()
        self._pulse = pulse.prepare()
        super().__init__(broker=own_broker())
        self.stop_event = stop_event

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        """Only raise the flag: anything more in a signal handler can deadlock."""
        stopping.request_stop()

    def run(self) -> int:
        """Work until asked to stop or until it hangs. Shape: the exit code, 0 after a stop that was asked for.

        Raises: SettingError when this process and the database do not belong together.
        """
        name_process("bp-cluster")
        sign = SignOfLife("cluster")
        sign.begin()
        self.start()
        watchdog = Watchdog(self._pulse, self.broker, sign)
        code = self._watch(watchdog)
        self._drain()
        watchdog.leave()
        return code

    def start(self) -> int:
        """Empty this machine's queue, then fork the guard: nothing in the queue is older than this cluster."""
        self.broker.purge_queue()
        connections.close_all()
        bind_forks()
        gc.freeze()  # what is loaded so far stays shared between the processes
        self.start_event = stopping.Flag()
        arguments = (self.stop_event, self.start_event, self.cluster_id, self.broker, self.timeout)
        self.sentinel = _fork.Process(target=SafeSentinel, name="guard", args=arguments)
        self.sentinel.start()
        self._guard_pid = int(self.sentinel.pid or 0)
        return int(self.pid)

    def _watch(self, watchdog: Watchdog) -> int:
        while not stopping.is_stopping():
            signal.alarm(MAIN_SILENT_SECONDS)  # a main that hangs itself is ended by the kernel
            if not self.sentinel.is_alive():
                _log.error("The cluster's guard is dead; the cluster ends to be started again.")
                return GUARD_DEAD
            if self._pulse.is_broken or self._pulse.guard_age_seconds > GUARD_SILENT_SECONDS or watchdog.tick():
                _log.error("Jobs no longer come through; the cluster ends to be started again.")
                return HUNG
            self.stop_event.wait(TICK_SECONDS)
        return 0

    def _drain(self) -> None:
        """Have everything hand over, then make sure that nothing is left."""
        signal.alarm(MAIN_SILENT_SECONDS)
        stopping.request_stop()
        self.sentinel.join(timeout=DRAIN_SECONDS + 0.5)
        self.sentinel.kill()
        with suppress(ProcessLookupError):
            os.killpg(self._guard_pid, signal.SIGKILL)
        signal.alarm(0)
