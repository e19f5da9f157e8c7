"""Recognise outages of the database, and log one entry for each instead of one per request.

An outage begins with the first query that fails because of it, and ends when this process could next renew its row
(bingproject.cluster.process_registry).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from threading import Lock

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)

# PostgreSQL's error codes, where the exception's class says less than they do.
READ_ONLY_TRANSACTION = "25006"
LIMIT_EXCEEDED = "54"  # the class "program limit exceeded": the value is too large, and a repeat fails too
# SQLite's primary result codes that end by themselves or by an operator's help: locks, the disk, the file's folder.
# SQLITE_ERROR ("no such table", "too many SQL variables") is also an OperationalError, and stays what it is.
SQLITE_OUTAGES = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_SCHEMA,
}  # fmt: skip
STACK_EVERY_SECONDS = 60.0


class OutageLog:
    """Log the beginning and the end of each outage of this process. Threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._began_at: float | None = None
        self._stack_at = -STACK_EVERY_SECONDS
        self._count = 0

    def note(self, error: BaseException) -> None:
        """Log the first failure of an outage, with its stack unless there was one within the last minute."""
        with self._lock:
            self._count += 1
            if self._began_at is not None:
                return
            now = self._began_at = time.monotonic()
            has_stack = now - self._stack_at >= STACK_EVERY_SECONDS
            if has_stack:
                self._stack_at = now
        logger.error(
            "The database does not answer (%s); requests that need it get 503 until it does.",
            type(error).__name__,
            exc_info=error if has_stack else None,
        )

    def end(self) -> None:
        """Log that the outage is over, if there was one."""
        with self._lock:
            began_at, count = self._began_at, self._count
            self._began_at, self._count = None, 0
        if began_at is not None:
            seconds = time.monotonic() - began_at
            logger.warning("The database answers again after %.0f s; %d queries had failed.", seconds, count)


outages = OutageLog()


def is_outage(error: BaseException) -> bool:
    """True if the database was out of reach, locked, full or read-only, so that the same query may succeed later."""
    if isinstance(error, InterfaceError):
        return True
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    if sqlstate == READ_ONLY_TRANSACTION:
        return True  # a server that is no longer the primary; psycopg files it under InternalError
    sqlite_code = getattr(error.__cause__, "sqlite_errorcode", None)
    if sqlite_code is not None and sqlite_code & 0xFF not in SQLITE_OUTAGES:  # the upper bits say more exactly what
        return False
    return isinstance(error, OperationalError) and not (sqlstate or "").startswith(LIMIT_EXCEEDED)
