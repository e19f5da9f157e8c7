"""The system's tables as the harness reads them: plain SQL over a connection of its own, never our code."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.rig.processes import is_alive

Row = tuple[Any, ...]


def unix(value: Any) -> float:
    """A stored time as Unix seconds; 0 for none."""
    if value is None:
        return 0.0
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)
    return moment.timestamp()


def canonical(task_id: Any) -> str:
    """A stored id in the form the API shows."""
    return str(task_id if isinstance(task_id, uuid.UUID) else uuid.UUID(str(task_id)))


class Rows:
    """One read connection, opened again after an outage."""

    def __init__(self, address: str, sqlite_file: Path) -> None:
        self._address = address
        self._file = sqlite_file
        self._connection: Any = None

    @property
    def is_sqlite(self) -> bool:
        """Which database it is."""
        return not self._address

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows. Raises: the driver's error while the database is away; the next call connects anew."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            if self.is_sqlite:
                return list(self._connection.execute(sql.replace("%s", "?"), parameters).fetchall())
            return list(self._connection.execute(sql, parameters).fetchall())
        except (sqlite3.Error, psycopg.Error):
            self.close()
            raise

    def try_query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row] | None:
        """The same; None while the database is away."""
        try:
            return self.query(sql, parameters)
        except (sqlite3.Error, psycopg.Error):
            return None

    def _connect(self) -> Any:
        if self.is_sqlite:
            # One thread at a time asks, not always the same one.
            return sqlite3.connect(
                f"file:{self._file}?mode=ro", uri=True, timeout=20, isolation_level=None, check_same_thread=False
            )
        return psycopg.connect(self._address, autocommit=True, connect_timeout=2)

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- questions ---

    def runners(self, machine: str = "") -> list[Row]:
        """(id, machine, lease end, start) of every runner row; none while the database is away."""
        sql = "SELECT id, machine, lease_until, started_at FROM creator_runner"
        rows = self.try_query(sql) or []
        return [row for row in rows if machine in ("", row[1])]

    def live_runner_pids(self, machine: str = "") -> list[int]:
        """Process ids of runners whose lease holds and whose process lives."""
        now = datetime.now(UTC).timestamp()
        pids = [int(row[0].split("/")[-3]) for row in self.runners(machine) if unix(row[2]) > now]
        return [pid for pid in pids if is_alive(pid)]

    def has_live_runner(self, machine: str = "") -> bool:
        """Whether tasks are taken."""
        return bool(self.live_runner_pids(machine))

    def count(self, *states: str) -> int:
        """Tasks in any of the states; all without one."""
        if not states:
            return int(self.query("SELECT COUNT(*) FROM creator_task")[0][0])
        marks = ", ".join(["%s"] * len(states))
        return int(self.query(f"SELECT COUNT(*) FROM creator_task WHERE state IN ({marks})", states)[0][0])

    def newest_claim(self, machine: str = "") -> float:
        """When the newest claim that is still on a row was made, Unix seconds; 0 while the database is away."""
        sql = "SELECT MAX(submit_at) FROM creator_task"
        rows = self.try_query(f"{sql} WHERE runner LIKE %s", [f"{machine}/%"]) if machine else self.try_query(sql)
        return unix(rows[0][0]) if rows else 0.0
