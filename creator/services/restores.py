"""Prevent a restored backup from sending tasks again: tasks sent since the backup are still queued in it.

There are three guards, any of which is enough: a copy by `manage.py backup` contains no queued task; a worker that
finds itself on an older copy cancels the queued tasks before it sends anything; operators can run
`manage.py cancel_queued`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection, transaction

from bingproject.conf.data_dir import replace_file
from creator.models import DatabaseMark, EventKind, State, Task, TaskEvent
from creator.services.queued_tasks import end_queued

logger = logging.getLogger(__name__)

MESSAGE = (
    "Cancelled because the database was restored from a backup: Bing may have made it since. Check for the result "
    "before you request it again."
)
RESTORED_STEP = "the database was restored from a backup; it may have been sent since"
_MARK = 1
# `cancel_requested`, so that a repeat with the same Idempotency-Key finds the cancelled task: a task that the server
# withdrew without it frees its key (see `task_creation`).
_ENDED = {"state": State.CANCELLED, "error_code": "cancelled", "error_message": MESSAGE, "cancel_requested": True}


def cancel_queued(now: datetime) -> int:
    """Cancel every queued task; return how many. Tasks that Bing may have continue as after any restart.

    From here on the database no longer counts as an older copy, so new tasks are sent.
    """
    count = end_queued(Task.objects.filter(state=State.QUEUED), EventKind.CANCELLED, now, RESTORED_STEP, _ENDED)
    if connection.vendor == "postgresql":
        _mark_table()
    else:
        note_claims()
    return count


def cancel_if_restored(now: datetime) -> int:
    """Cancel the queued tasks if this database is an older copy of the one used before; return how many.

    Call it before the first claim. On SQLite, a file beside the database reveals an older copy; on PostgreSQL, the
    number (oid) of a table does, because a restored dump gives it a new one.
    """
    is_restored = _was_dumped() if connection.vendor == "postgresql" else _is_older_than_its_mark()
    count = cancel_queued(now) if is_restored else 0
    if is_restored:
        logger.error("The database was restored from a backup: %d queued tasks are cancelled, not sent again.", count)
    return count


def note_claims() -> None:
    """Write the newest timeline step to a file beside an SQLite database, before the claimed tasks are sent."""
    path = _mark_path()
    if path is None:
        return
    event = TaskEvent.objects.order_by("-pk").values_list("pk", "task_id").first()
    mark = {"event": event[0] if event else 0, "task": str(event[1]) if event else ""}
    try:
        replace_file(path, json.dumps(mark))
    except OSError as error:
        logger.warning("a restored copy of the database will not be recognised: %s", error.strerror)


def back_up_sqlite(source: str, target: Path) -> int:
    """Copy an SQLite database while it is in use, and cancel the queued tasks in the copy; return how many.

    Args:
        target: Is complete and has mode 0600 afterwards, or does not exist if the copy fails.

    Raises:
        FileExistsError: `target` exists already.
        OSError: `target` cannot be written.
        sqlite3.Error: The database cannot be copied.
    """
    # Created first and privately: SQLite would create it with the rights of the umask.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{Path(source).absolute().as_uri()}?mode=ro", uri=True)) as running,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            running.backup(copy)
            with copy:
                # The time as Django stores it in SQLite: UTC without a zone.
                changes = ("cancelled", "cancelled", MESSAGE, datetime.now(UTC).replace(tzinfo=None).isoformat(" "))
                cancelled = copy.execute(
                    "UPDATE creator_task SET state = ?, error_code = ?, error_message = ?, finished_at = ?, "
                    "cancel_requested = 1 WHERE state = 'queued'",
                    changes,
                )
            # Without write-ahead log the copy is a single file, which is complete wherever it is moved.
            copy.execute("PRAGMA journal_mode = DELETE")
            return cancelled.rowcount
    except BaseException:
        target.unlink()
        raise


def _mark_path() -> Path | None:
    name = str(connection.settings_dict["NAME"])
    is_file = connection.vendor == "sqlite" and Path(name).is_file()
    return Path(f"{name}.claims") if is_file else None


def _is_older_than_its_mark() -> bool:
    """True if the steps end before the last claim, or the step at the last claim is another task's."""
    mark = _read_mark()
    if mark is None:
        return False
    newest_then, task_then = mark
    with connection.cursor() as cursor:
        # Django uses AUTOINCREMENT, which never reuses an id, so deleting tasks does not lower this number.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'creator_taskevent'")
        newest = (cursor.fetchone() or (0,))[0]
    if newest < newest_then:
        return True
    task = TaskEvent.objects.filter(pk=newest_then).values_list("task_id", flat=True).first()
    return task is not None and str(task) != task_then


def _read_mark() -> tuple[int, str] | None:
    """Return the id and the task of the newest step at the last claim; None without a readable mark.

    A power cut can damage the mark, because not every write of it is synced to disk. The database is not affected, so
    the worker continues.
    """
    path = _mark_path()
    if path is None or not path.exists():
        return None
    try:
        mark = json.loads(path.read_text())
        return int(mark["event"]), str(mark["task"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s cannot be read (%s): a restored copy is not recognised by it", path, type(error).__name__)
        return None


def _table_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'creator_task'::regclass::oid::bigint")
        return int(cursor.fetchone()[0])


def _was_dumped() -> bool:
    with transaction.atomic():
        known = DatabaseMark.objects.select_for_update().filter(pk=_MARK).first()
    if known is None:
        _mark_table()
        return False
    return known.table_number != _table_number()


def _mark_table() -> None:
    DatabaseMark.objects.update_or_create(pk=_MARK, defaults={"table_number": _table_number()})
