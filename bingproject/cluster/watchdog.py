"""What a cluster's main process does twice a second: asks whether work is waiting, starts what is due, looks for hangs.

It knows no app: questions and jobs are named in settings (CLUSTER_NUDGES, CLUSTER_PERIODIC).
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.dispatch import receiver
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.signals import post_execute
from django_q.tasks import async_task

from bingproject import pulse
from bingproject.brokers import reconnect
from bingproject.liveness import SignOfLife
from bingproject.models import Machine, Periodic
from bingproject.processes import is_known_dead, process_identity

CANARY = "bingproject.jobs.canary"
CANARY_EVERY_SECONDS = 4.0
CANARY_PATIENCE_SECONDS = 10.0
NUDGE_AGAIN_SECONDS = 3.0
UPKEEP_EVERY_SECONDS = 5.0
MACHINE_SILENT_SECONDS = 20.0
REPEAT_LOG_SECONDS = 60.0
_log = logging.getLogger(__name__)

Enqueue = Callable[..., object]


@receiver(post_execute)
def note_acknowledged(task: dict[str, Any], **_signal: Any) -> None:
    """In the monitor, after it has struck a job off the queue: a canary has gone all the way."""
    signs = pulse.current()
    if signs and task["func"] == CANARY:
        signs.mark_canary_acknowledged(task["args"][0])


class Canary:
    """A job that does nothing, sent every few seconds: when none comes through, the cluster hangs."""

    def __init__(self, signs: pulse.Pulse, enqueue: Enqueue) -> None:
        self._signs = signs
        self._enqueue = enqueue
        self._number = 0
        self._awaited: int | None = None
        self._next_at = 0.0
        self._patient_until = 0.0

    def is_lost(self, now: float) -> bool:
        """Send the next one when it is time; True when nothing came through although a worker was free.

        One canary may be lost with Redis, so more are sent while the first is awaited: any of them will do.
        """
        if self._awaited is not None and self._signs.has_come_through(self._awaited):
            self._awaited = None
        if self._awaited is not None and not self._signs.has_idle_worker:
            self._patient_until = now + CANARY_PATIENCE_SECONDS  # all are busy: their time limits watch them
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
        """After an outage: what was sent before it proves nothing."""
        self._awaited, self._next_at = None, 0.0


class Nudges:
    """Questions such as "is a runner needed?", each with the job to enqueue on a yes."""

    def __init__(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        self._questions: list[tuple[Callable[[], bool], str]] = [
            (import_string(question), job) for question, job in settings.CLUSTER_NUDGES
        ]
        self._sent_at: dict[str, float] = {}

    def ask(self, now: float) -> None:
        """Enqueue the job of each question that says yes, again only when the last one has had its time to start."""
        for question, job in self._questions:
            if not question():
                self._sent_at.pop(job, None)
            elif now - self._sent_at.get(job, -NUDGE_AGAIN_SECONDS) >= NUDGE_AGAIN_SECONDS:
                self._enqueue(job)
                self._sent_at[job] = now


class Presence:
    """This process's row among the machines; a second live one under the same MACHINE_ID is an error to be seen."""

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self.process = process_identity(self._host)
        self._started_at = timezone.now()
        self._problem = ""

    def renew(self) -> None:
        """Say that we live, forget who does not, and look for a double."""
        now = timezone.now()
        problem = self._find_double()
        if problem and problem != self._problem:
            _log.error("%s", problem)
        self._problem = problem
        Machine.objects.update_or_create(
            process=self.process,
            defaults={
                "machine_id": settings.MACHINE_ID,
                "host": self._host,
                "pid": os.getpid(),
                "started_at": self._started_at,
                "seen_at": now,
                "problem": problem,
            },
        )

    def _find_double(self) -> str:
        silent = timezone.now() - timedelta(seconds=MACHINE_SILENT_SECONDS)
        for other in Machine.objects.filter(machine_id=settings.MACHINE_ID).exclude(process=self.process):
            if other.seen_at < silent or is_known_dead(other.process, self._host):
                other.delete()
            else:
                problem = (
                    f"Two live machines share MACHINE_ID={settings.MACHINE_ID}; each needs its own. Other: {other}"
                )
                return problem[:300]
        return ""

    def leave(self) -> None:
        """Take the row away: this cluster has stopped."""
        Machine.objects.filter(process=self.process).delete()


class Watchdog:
    """All chores of one tick; an outage of database or Redis is logged and outlived, never fatal."""

    def __init__(self, signs: pulse.Pulse, broker: Any, sign: SignOfLife) -> None:
        self._broker = broker
        self._sign = sign
        self._canary = Canary(signs, self._enqueue)
        self._nudges = Nudges(self._enqueue)
        self._presence = Presence()
        self._is_planned = False
        self._upkeep_at = self._sign_at = 0.0
        self._last_error = ("", 0.0)

    def tick(self) -> bool:
        """Do what is due; True when jobs no longer come through."""
        now = time.monotonic()
        is_lost = self._attempt(lambda: self._canary.is_lost(now))
        self._attempt(lambda: self._nudges.ask(now))
        if now >= self._upkeep_at:
            self._upkeep_at = now + UPKEEP_EVERY_SECONDS
            self._attempt(self._presence.renew)
            self._attempt(self._start_periodic)
        if now >= self._sign_at:
            self._sign_at = now + self._sign.every_seconds
            self._attempt(self._sign.renew)
        return bool(is_lost)

    def leave(self) -> None:
        """The cluster has stopped."""
        self._attempt(self._presence.leave)
        self._attempt(self._sign.leave)

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
        """Run one chore; whatever it raises, the watchdog goes on: it is what everything else depends on."""
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
