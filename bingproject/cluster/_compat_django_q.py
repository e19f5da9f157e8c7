"""django-q2's Cluster, made safe to run unattended: a process killed at any moment does not leave it hanging.

The main process (watchdog) forks a guard; the guard forks workers, monitor and pusher, and replaces those that die.
Decision 3 in docs/decisions.md lists what django-q2's own cluster does not survive.
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

from bingproject.cluster import heartbeat, stop_flag
from bingproject.cluster.brokers import own_broker
from bingproject.cluster.database_identity import verify_installation
from bingproject.cluster.process_registry import Registration
from bingproject.cluster.processes import bind_forks, name_process
from bingproject.cluster.watchdog import Watchdog
from bingproject.models import LiveProcess

LIBRARY, CHECKED_VERSION = "django-q2", "1.11.1"
RECHECK = (
    "Sentinel.__init__ still starts the guard's loop, and calls spawn_monitor, spawn_pusher, guard and stop by name",
    "spawn_process still takes a target and its arguments; monitor, pusher and worker still take the same",
    "a worker's timer is still negative while it waits, its seconds left while it works, and 0 when they are over",
    "Cluster still has stop_event, start_event, sentinel, broker, timeout, cluster_id and pid",
    "the open faults that docs/decisions.md names: what is mended there can go here",
)
GUARD_DEAD, HUNG = 3, 4  # exit codes on which the supervisor must start the cluster again
TICK_SECONDS = 0.5
DRAIN_SECONDS = 3.6  # a runner waits up to three seconds for answers to requests that it has sent
GUARD_SILENT_SECONDS = 10.0
MAIN_SILENT_SECONDS = 60  # longer than all chores of a tick wait for SQLite's lock
_LOCK_SECONDS = 1.0
_log = logging.getLogger(__name__)
_fork = multiprocessing.get_context("fork")


class SafeSentinel(Sentinel):  # type: ignore[misc]  # django-q2 ships no types
    """The guard: as django-q2's, but it never waits for a lock of a dead process, and reports when it cannot go on."""

    def __init__(self, *arguments: Any) -> None:
        os.setpgrp()  # a process group, so that main can kill all of it and still exit with its own code
        name_process("bp-guard")
        beat = heartbeat.current()
        if beat is None:
            raise RuntimeError("the guard is started by DrainCluster only")
        self._heartbeat = beat
        super().__init__(*arguments)

    def spawn_monitor(self) -> Any:
        """Start the process that takes results and acknowledges jobs."""
        return self.spawn_process(_run_monitor, self.result_queue, self.broker)

    def spawn_pusher(self) -> Any:
        """Start the process that takes jobs from the broker."""
        return self.spawn_process(_run_pusher, self.task_queue, self.event_out, self.broker)

    def guard(self) -> None:
        """Replace dead processes until the cluster is asked to stop."""
        self.start_event.set()
        while not self.stop_event.wait(Conf.GUARD_CYCLE):
            if os.getppid() != self.parent_pid:  # on Linux the kernel has killed this process; elsewhere this does
                os.killpg(0, signal.SIGKILL)
            idle_count = sum(self._look_after(worker) for worker in list(self.pool))
            for process in (self.monitor, self.pusher):
                if not process.is_alive():
                    self.reincarnate(process)
            self._heartbeat.beat(idle_count)
        self.stop()

    def _look_after(self, worker: Any) -> bool:
        """Replace a worker that died or exceeded its time limit; return True if it is idle."""
        lock = worker.timer.get_lock()
        if not lock.acquire(timeout=_LOCK_SECONDS):
            self._heartbeat.mark_broken()  # only a killed process holds the lock for this long
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
        """Replace a dead process. If it was killed while it waited on a queue, it still holds the queue's lock."""
        is_waiting = process is self.monitor or (process in self.pool and process.timer.value < 0)
        if is_waiting and (process.exitcode or 0) < 0:
            self._heartbeat.mark_broken()
        super().reincarnate(process)

    def stop(self) -> None:
        """Wait for running jobs to hand over, save their results, and end all processes.

        Jobs that were fetched but not begun are dropped: each is a nudge, and is sent again.
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
    """True if the worker runs a job. Read without its lock, which it keeps if it was killed."""
    return bool(worker.is_alive() and worker.timer.get_obj().value > 0)


class DrainCluster(Cluster):  # type: ignore[misc]  # django-q2 ships no types
    """A cluster for the queue of one machine, which exits with a code instead of hanging."""

    def __init__(self) -> None:
        self.stop_event = stop_event = stop_flag.prepare()
        self._heartbeat = heartbeat.prepare()
        super().__init__(broker=own_broker())
        self.stop_event = stop_event

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        """Raise the flag only: anything more in a signal handler can deadlock."""
        stop_flag.request_stop()

    def run(self) -> int:
        """Work until asked to stop or until the cluster hangs.

        Returns:
            The exit code: 0 after a requested stop, else GUARD_DEAD or HUNG.

        Raises:
            SettingError: This process and the database do not belong together.
        """
        name_process("bp-cluster")
        registration = Registration(LiveProcess.CLUSTER)
        verify_installation()
        # Before this cluster is seen, which has others put jobs into its queue; what is older was for an earlier one.
        self.broker.purge_queue()
        registration.begin()
        self.start()
        watchdog = Watchdog(self._heartbeat, self.broker, registration)
        code = self._watch(watchdog)
        self._drain()
        watchdog.leave()
        return code

    def start(self) -> int:
        """Fork the guard, which forks the workers."""
        connections.close_all()
        bind_forks()
        gc.freeze()  # keeps the memory of loaded modules shared between the processes
        self.start_event = stop_flag.Flag()
        arguments = (self.stop_event, self.start_event, self.cluster_id, self.broker, self.timeout)
        self.sentinel = _fork.Process(target=SafeSentinel, name="guard", args=arguments)
        self.sentinel.start()
        self._guard_pid = int(self.sentinel.pid or 0)
        return int(self.pid)

    def _watch(self, watchdog: Watchdog) -> int:
        while not stop_flag.is_stopping():
            signal.alarm(MAIN_SILENT_SECONDS)  # the kernel ends a main process that hangs itself
            if not self.sentinel.is_alive():
                _log.error("The cluster's guard is dead; the cluster ends to be started again.")
                return GUARD_DEAD
            if self._heartbeat.is_broken or self._heartbeat.guard_age_seconds > GUARD_SILENT_SECONDS or watchdog.tick():
                _log.error("Jobs no longer come through; the cluster ends to be started again.")
                return HUNG
            self.stop_event.wait(TICK_SECONDS)
        return 0

    def _drain(self) -> None:
        """Let everything hand over, then kill what is left."""
        signal.alarm(MAIN_SILENT_SECONDS)
        stop_flag.request_stop()
        self.sentinel.join(timeout=DRAIN_SECONDS + 0.5)
        self.sentinel.kill()
        with suppress(ProcessLookupError):
            os.killpg(self._guard_pid, signal.SIGKILL)
        signal.alarm(0)
