"""Which web and cluster processes live, and which seal keys each of them can open: rows that say so every ten seconds.

Whoever seals everything anew must first know that nobody is left who could not read it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from bingproject.installation import verify_installation
from bingproject.models import LiveProcess, Machine
from bingproject.processes import is_known_dead, process_identity
from bingproject.seals import fingerprint

SIGN_EVERY_SECONDS = 10.0
# Longer than a busy SQLite may keep a process waiting: one that lives must not be taken for dead.
SILENT_SECONDS = 60.0
logger = logging.getLogger(__name__)


class SignOfLife:
    """This process's row among the living ones."""

    def __init__(self, role: str, every_seconds: float = SIGN_EVERY_SECONDS) -> None:
        self._role = role
        self.every_seconds = every_seconds
        self._process = ""
        # Renewing and leaving come from different threads: the row must not come back after the end.
        self._writing = Lock()
        self._has_left = False

    def begin(self) -> None:
        """Make sure that this process and the database belong together, and be seen from now on.

        Raises: SettingError, as `verify_installation` does; no row is left then.
        """
        verify_installation()
        # Named here and not before: a server forks its web process after it has imported it.
        self._process = process_identity(socket.gethostname())
        self.renew()
        try:
            # Once more: whoever sealed everything anew in between had not seen us yet.
            verify_installation()
        except BaseException:
            self.leave()
            raise

    def renew(self) -> None:
        """Say that we live, and forget who does not."""
        self._process = self._process or process_identity(socket.gethostname())
        now = timezone.now()
        keys = [fingerprint(key) for key in settings.SEAL_KEYS]
        with self._writing:
            if self._has_left:
                return
            LiveProcess.objects.update_or_create(
                process=self._process,
                defaults={"role": self._role, "seal_keys": keys, "seen_at": now},
                create_defaults={"role": self._role, "seal_keys": keys, "seen_at": now, "started_at": now},
            )
        LiveProcess.objects.filter(process__in=[row.process for row in _dead_rows(now)]).delete()

    def leave(self) -> None:
        """Take the row away: this process ends. Where the database is out of reach, others find it dead."""
        with self._writing, suppress(DatabaseError, InterfaceError):
            self._has_left = True
            LiveProcess.objects.filter(process=self._process).delete()

    async def keep(self, run: Callable[[Callable[[], None]], Future[None]]) -> None:
        """Renew it every few seconds, for ever, in the thread that `run` gives; an outage is logged and outlived."""
        while True:
            await asyncio.sleep(self.every_seconds)
            await asyncio.wrap_future(run(self._renew_if_possible))

    def _renew_if_possible(self) -> None:
        try:
            close_old_connections()  # no request ends here, after which it would be done
            self.renew()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the sign of life was not written: %s", type(error).__name__)


def live_processes(now: datetime) -> list[LiveProcess]:
    """Those that live, as far as can be told from here."""
    dead = {row.process for row in _dead_rows(now)}
    return [row for row in LiveProcess.objects.all() if row.process not in dead]


def has_own_cluster(now: datetime) -> bool:
    """Whether somebody works this machine's own queue: where nobody does, a job put into it waits for ever."""
    return Machine.objects.live(now).filter(machine_id=settings.MACHINE_ID).exists()


def _dead_rows(now: datetime) -> list[LiveProcess]:
    silent, host = now - timedelta(seconds=SILENT_SECONDS), socket.gethostname()
    return [row for row in LiveProcess.objects.all() if row.seen_at < silent or is_known_dead(row.process, host)]
