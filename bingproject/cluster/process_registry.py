"""The rows of web processes and clusters: who lives, with which seal keys, and whether two share a MACHINE_ID.

Before `rotate_seals` encrypts everything under a new key, no live process may be left that could not decrypt it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from bingproject.cluster.database_identity import verify_installation
from bingproject.cluster.processes import is_known_dead, process_identity
from bingproject.database.outages import is_outage, outages
from bingproject.models import MACHINE_FRESH_SECONDS, LiveProcess, Machine
from bingproject.security.encryption import fingerprint

logger = logging.getLogger(__name__)

SIGN_EVERY_SECONDS = 10.0
# Longer than a busy SQLite may delay a process: a live one must not be taken for dead.
SILENT_SECONDS = 60.0


class Registration:
    """The row of this process."""

    def __init__(self, role: str, every_seconds: float = SIGN_EVERY_SECONDS) -> None:
        self._role = role
        self.every_seconds = every_seconds
        self._host = socket.gethostname()
        self._process = ""
        self._problem = ""
        self._started_at: datetime | None = None
        # Renewing and leaving come from different threads: the row must not come back after the end.
        self._writing = Lock()
        self._has_left = False

    def begin(self) -> None:
        """Verify that this process may use the database, and insert the row of this process.

        The check is repeated after the insert; if it fails then, the row is deleted.

        Raises:
            SettingError: SEAL_KEYS lacks a key of the database, or it belongs to the sandbox or the real Bing and the
                other is wanted (`verify_installation`).
        """
        verify_installation()
        # Named here and not before: a server forks its web process after it has imported it.
        self._process, self._started_at = process_identity(self._host), timezone.now()
        self.renew()
        try:
            # Again: a key rotation that ran in between did not see this process yet.
            verify_installation()
        except BaseException:
            self.leave()
            raise

    def renew(self) -> None:
        """Write the row, and delete those of dead web processes; of a cluster also look for one with its MACHINE_ID."""
        now = timezone.now()
        self._process = self._process or process_identity(self._host)
        self._started_at = self._started_at or now
        columns = {
            "role": self._role,
            "machine_id": settings.MACHINE_ID,
            "host": self._host,
            "pid": os.getpid(),
            "seal_keys": [fingerprint(key) for key in settings.SEAL_KEYS],
            "started_at": self._started_at,
            "seen_at": now,
            "problem": self._look_for_double(now) if self._role == LiveProcess.CLUSTER else "",
        }
        with self._writing:
            if self._has_left:
                return
            LiveProcess.objects.update_or_create(process=self._process, defaults=columns)
        dead = [row.process for row in _dead_rows(now) if row.role == LiveProcess.WEB]
        LiveProcess.objects.filter(process__in=dead).delete()

    def _look_for_double(self, now: datetime) -> str:
        """Return the problem that a live cluster of the same MACHINE_ID is, and delete the rows of dead ones."""
        problem = ""
        for other in Machine.objects.filter(machine_id=settings.MACHINE_ID).exclude(process=self._process):
            is_silent = other.seen_at < now - timedelta(seconds=MACHINE_FRESH_SECONDS)
            if is_silent or is_known_dead(other.process, self._host):
                other.delete()
            else:
                shared = f"MACHINE_ID={settings.MACHINE_ID}"
                problem = f"Two live machines share {shared}; each needs its own. Other: {other}"[:300]
        if problem and problem != self._problem:
            logger.error("%s", problem)
        self._problem = problem
        return problem

    def leave(self) -> None:
        """Delete the row: this process ends. If the database is out of reach, others find it dead."""
        with self._writing, suppress(DatabaseError, InterfaceError):
            self._has_left = True
            LiveProcess.objects.filter(process=self._process).delete()

    async def keep(self, run: Callable[[Callable[[], None]], Future[None]]) -> None:
        """Renew the row every few seconds, without end, in the thread that `run` gives; log an outage and go on."""
        while True:
            await asyncio.sleep(self.every_seconds)
            await asyncio.wrap_future(run(self._renew_if_possible))

    def _renew_if_possible(self) -> None:
        try:
            close_old_connections()  # no request ends here, after which it would be done
            self.renew()
        except (DatabaseError, InterfaceError) as error:
            if is_outage(error):
                outages.note(error)
            else:
                logger.exception("the database refused the renewal of this process's row")
        else:
            outages.end()


def live_processes(now: datetime) -> list[LiveProcess]:
    """Return the rows of processes that are not known to be dead."""
    dead = {row.process for row in _dead_rows(now)}
    return [row for row in LiveProcess.objects.all() if row.process not in dead]


def ignorant_processes(now: datetime) -> list[LiveProcess]:
    """Return the live processes that cannot decrypt what the newest key encrypts."""
    newest = fingerprint(settings.SEAL_KEYS[0])
    return [row for row in live_processes(now) if newest not in row.seal_keys]


def backward_processes(now: datetime) -> list[LiveProcess]:
    """Return the live processes that still encrypt with another key than the newest."""
    newest = fingerprint(settings.SEAL_KEYS[0])
    return [row for row in live_processes(now) if row.seal_keys[:1] != [newest]]


def has_own_cluster(now: datetime) -> bool:
    """True if a cluster works this machine's own queue. Without one, a job in it would wait without end."""
    return Machine.objects.live(now).filter(machine_id=settings.MACHINE_ID).exists()


def _dead_rows(now: datetime) -> list[LiveProcess]:
    silent, host = now - timedelta(seconds=SILENT_SECONDS), socket.gethostname()
    return [row for row in LiveProcess.objects.all() if row.seen_at < silent or is_known_dead(row.process, host)]
