"""A psycopg connection that is closed when the server leaves it without an answer for too long.

Overrides `Connection.wait`, which psycopg does not document.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

LIBRARY, CHECKED_VERSION = "psycopg", "3.3.9"
RECHECK = (
    "every query, commit and rollback still goes through Connection.wait",
    "Connection.wait still raises errors._WaitTimeout when its time is over",
)
# Until the connection's own limit is known: what opens a connection asks little.
FIRST_ANSWER_SECONDS = 10.0
RV = TypeVar("RV")


class LimitedConnection(psycopg.Connection[Any]):
    """Units: `answer_seconds` without an answer to one statement end the connection; None waits for ever."""

    answer_seconds: float | None = FIRST_ANSWER_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As the base class.

        Raises: OperationalError when the limit is over. The connection is closed then: its answer may still come.
        """
        limit = self.answer_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except errors._WaitTimeout:
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the server did not answer within {limit:g} s") from None


class LimitedDriver:
    """The module psycopg, as Django uses it, but for the kind of connection."""

    connect = staticmethod(LimitedConnection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)
