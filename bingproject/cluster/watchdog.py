"""The chores of a cluster's main process, twice a second: nudge runners, start periodic work, detect hangs.

It knows no app: settings name the questions and jobs (CLUSTER_NUDGES, CLUSTER_PERIODIC).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.dispatch import receiver
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.signals import post_execute
from django_q.tasks import async_task

from bingproject.cluster import heartbeat
from bingproject.cluster.brokers import reconnect
from bingproject.cluster.clock_correction import ClockWatch
from bingproject.cluster.process_registry import Registration
from bingproject.models import Periodic

CANARY = "bingproject.jobs.canary"
CANARY_EVERY_SECONDS = 4.0
CANARY_PATIENCE_SECONDS = 10.0
NUDGE_AGAIN_SECONDS = 3.0
UPKEEP_EVERY_SECONDS = 5.0
REPEAT_LOG_SECONDS = 60.0
_log = logging.getLogger(__name__)

Enqueue = Callable[..., object]


@receiver(post_execute)
def note_acknowledged(task: dict[str, Any], **_signal: Any) -> None:
    """Record, in the monitor, that a canary was removed from the queue: it went all the way."""
    beat = heartbeat.current()
    if beat and task["func"] == CANARY:
        beat.mark_canary_acknowledged(task["args"][0])


class Canary:
    """A job that does nothing, sent every few seconds. If none comes through, the cluster hangs."""

    def __init__(self, beat: heartbeat.Heartbeat, enqueue: Enqueue) -> None:
        self._heartbeat = beat
        self._enqueue = enqueue
        self._number = 0
        self._awaited: int | None = None
        self._next_at = 0.0
        self._patient_until = 0.0

    def is_lost(self, now: float) -> bool:
        """Send the next canary if it is time; return True if none came through although a worker was free.

        Redis may lose one, so more are sent while the first is awaited; any of them counts.
        """
        if self._awaited is not None and self._heartbeat.has_come_through(self._awaited):
            self._awaited = None
        if self._awaited is not None and not self._heartbeat.has_idle_worker:
            self._patient_until = now + CANARY_PATIENCE_SECONDS  # all workers are busy, and their time limits apply
        if now >= self._next_at:
            self._send(now)
        return self._awaited is not None and now > self._patient_until

    def _send(self, now: float) -> None:
        self._enqueue(CANARY, self._number + 1)
        self._number += 1
        self._next_at = now + CANARY_EVERY_SECONDS
        if self._awaited is None:
            self._awaited, self._patient_until = self._number, now + CANARY_PATIENCE_SECONDS

    def forget(self) -> None:
        """Forget the awaited canary after an outage, in which it may have been lost."""
        self._awaited, self._next_at = None, 0.0


class Nudges:
    """Questions such as "is a runner needed?", each with the job to send if the answer is yes."""

    def __init__(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        self._questions: list[tuple[Callable[[], bool], str]] = [
            (import_string(question), job) for question, job in settings.CLUSTER_NUDGES
        ]
        self._sent_at: dict[str, float] = {}

    def ask(self, now: float) -> None:
        """Send the job of each question whose answer is yes, but give the last one time to start before another."""
        for question, job in self._questions:
            if not question():
                self._sent_at.pop(job, None)
            elif now - self._sent_at.get(job, -NUDGE_AGAIN_SECONDS) >= NUDGE_AGAIN_SECONDS:
                self._enqueue(job)
                self._sent_at[job] = now


class Watchdog:
    """The chores of each tick. An outage of the database or Redis is logged and never fatal."""

    def __init__(self, beat: heartbeat.Heartbeat, broker: Any, registration: Registration) -> None:
        self._broker = broker
        self._registration = registration
        self._canary = Canary(beat, self._enqueue)
        self._nudges = Nudges(self._enqueue)
        self._clock = ClockWatch()
        self._is_planned = False
        self._upkeep_at = 0.0
        self._last_error = ("", 0.0)

    def tick(self) -> bool:
        """Do the chores that are due; return True if jobs no longer come through."""
        now = time.monotonic()
        is_lost = self._attempt(lambda: self._canary.is_lost(now))
        self._attempt(lambda: self._nudges.ask(now))
        if now >= self._upkeep_at:
            self._upkeep_at = now + UPKEEP_EVERY_SECONDS
            self._attempt(self._clock.look)
            self._attempt(self._registration.renew)
            self._attempt(self._start_periodic)
        return bool(is_lost)

    def leave(self) -> None:
        """Delete the row of this cluster, which has stopped."""
        self._attempt(self._registration.leave)

    def _start_periodic(self) -> None:
        every_seconds = settings.CLUSTER_PERIODIC
        if not self._is_planned:
            Periodic.objects.plan(every_seconds, timezone.now())
            self._is_planned = True
        for job in Periodic.objects.claim_due(every_seconds, timezone.now()):
            self._enqueue(job)

    def _enqueue(self, job: str, *arguments: Any) -> object:
        return async_task(job, *arguments, task_name=job.rpartition(".")[2], broker=self._broker)

    def _attempt(self, chore: Callable[[], Any]) -> Any:
        """Run one chore and log what it raises: the watchdog must go on, since everything else depends on it."""
        try:
            return chore()
        except Exception as error:
            self._canary.forget()
            reconnect()
            text, logged_at = self._last_error
            if str(error) != text or time.monotonic() - logged_at > REPEAT_LOG_SECONDS:
                _log.exception("The watchdog could not do a chore; it goes on.")
                self._last_error = (str(error), time.monotonic())
            return None
