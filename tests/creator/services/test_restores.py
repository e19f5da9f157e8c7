"""Restored copies of the database: recognised before anything is sent, so that nothing queued in them is sent again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from creator.models import DatabaseMark, EventKind, State, Task, TaskEvent
from creator.services import back_up_sqlite, cancel_queued
from creator.services.events import Step, log_steps
from creator.services.restores import MESSAGE, cancel_if_restored, note_claims
from tests.creator.engine.running import all_finished, reload, run_until
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db(transaction=True)
only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="a file")


@pytest.fixture(autouse=True)
def no_mark() -> Iterator[None]:
    """Remove the mark, since other tests use the same database."""
    mark = Path(f"{connection.settings_dict['NAME']}.claims")
    mark.unlink(missing_ok=True)
    yield
    mark.unlink(missing_ok=True)


def _claimed(task: Task) -> None:
    log_steps(Step(task.pk, EventKind.CLAIMED, timezone.now()))
    note_claims()


def _put_back_older_copy() -> None:
    """Make this database older than the last claim in it."""
    if connection.vendor == "postgresql":
        cancel_if_restored(timezone.now())  # the first call ties the mark to the table
        DatabaseMark.objects.update(table_number=1)
        return
    _claimed(make_task(state=State.COMPLETED))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'creator_taskevent'")
    TaskEvent.objects.order_by("-pk")[:1].get().delete()


def test_only_queued_tasks_are_cancelled() -> None:
    """Their error has the reason, and a repeat with the same key does not start them again."""
    queued, polling = make_task(), make_task(state=State.POLLING)
    assert cancel_queued(timezone.now()) == 1
    ended = reload(queued)
    assert (ended.state, ended.error_code, ended.error_message) == (State.CANCELLED, "cancelled", MESSAGE)
    assert (ended.cancel_requested, ended.finished_at is not None) == (True, True)
    assert reload(polling).state == State.POLLING
    assert cancel_queued(timezone.now()) == 0


def test_a_restored_copy_is_recognised_once() -> None:
    """Later requests are queued as usual."""
    queued = make_task()
    _put_back_older_copy()
    assert cancel_if_restored(timezone.now()) == 1
    assert reload(queued).state == State.CANCELLED
    make_task()
    assert cancel_if_restored(timezone.now()) == 0


def test_a_continuing_database_is_not_taken_for_a_copy() -> None:
    """Before any claim, after claims, and after tasks were deleted."""
    make_task()
    assert cancel_if_restored(timezone.now()) == 0
    old = make_task(state=State.COMPLETED)
    _claimed(old)
    assert cancel_if_restored(timezone.now()) == 0
    old.delete()
    assert cancel_if_restored(timezone.now()) == 0
    assert Task.objects.get().state == State.QUEUED


@only_sqlite
def test_a_copy_with_new_requests_is_recognised() -> None:
    """The web process created tasks before the first worker started: the ids continue with other tasks."""
    _put_back_older_copy()
    queued = make_task()
    log_steps(*(Step(queued.pk, EventKind.ACCEPTED, timezone.now()) for _ in range(5)))
    assert cancel_if_restored(timezone.now()) == 1


def test_a_worker_on_a_restored_copy_sends_nothing_of_it(bing: SandboxServer) -> None:
    """However the copy was made and restored."""
    make_account()
    queued = make_task()
    _put_back_older_copy()
    assert run_until(all_finished) == "handed over"
    assert reload(queued).state == State.CANCELLED
    assert describe(bing.state)["submits"]["total"] == 0
    fresh = make_task()
    run_until(all_finished)
    assert reload(fresh).state == State.COMPLETED


@only_sqlite
def test_claims_leave_their_mark_before_they_are_sent(bing: SandboxServer) -> None:
    """The mark is a file beside the database, which only its owner can read."""
    make_account()
    make_task()
    run_until(all_finished)
    mark = Path(f"{connection.settings_dict['NAME']}.claims")
    assert '"event": ' in mark.read_text()
    assert mark.stat().st_mode & 0o077 == 0


@only_sqlite
def test_a_copy_has_nothing_queued(tmp_path: Path) -> None:
    """Everything else is unchanged in it, as is the running database; the copy is one private file."""
    make_task(prompt="queued")
    make_task(prompt="done", state=State.COMPLETED)
    copy = tmp_path / "copy.sqlite3"
    assert back_up_sqlite(str(connection.settings_dict["NAME"]), copy) == 1
    assert Task.objects.get(prompt="queued").state == State.QUEUED
    with contextlib.closing(sqlite3.connect(copy)) as read:
        rows = dict(read.execute("SELECT prompt, state FROM creator_task").fetchall())
        assert rows == {"queued": "cancelled", "done": "completed"}
        assert read.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["copy.sqlite3"]


@only_sqlite
def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """It overwrites no file, either."""
    copy = tmp_path / "copy.sqlite3"
    with pytest.raises(sqlite3.OperationalError):
        back_up_sqlite(str(tmp_path / "none.sqlite3"), copy)
    assert not copy.exists()
    copy.write_text("mine")
    with pytest.raises(FileExistsError):
        back_up_sqlite(str(connection.settings_dict["NAME"]), copy)
    assert copy.read_text() == "mine"


def test_a_copy_is_made_of_a_file_with_any_name(tmp_path: Path) -> None:
    """Characters that end a path in a URI are part of this one."""
    folder = tmp_path / "a#b %41?c"
    folder.mkdir()
    source = folder / "db.sqlite3"
    with contextlib.closing(sqlite3.connect(source)) as made, made:
        made.execute("CREATE TABLE creator_task (state, error_code, error_message, finished_at, cancel_requested)")
        made.execute("INSERT INTO creator_task (state) VALUES ('queued')")
    assert back_up_sqlite(str(source), tmp_path / "copy.sqlite3") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name, "copy.sqlite3"]


@only_sqlite
@pytest.mark.parametrize("content", ["", "{", "[]", '{"event": "x"}'])
def test_a_mark_that_cannot_be_read_stops_no_worker(content: str, caplog: pytest.LogCaptureFixture) -> None:
    """A power cut may have damaged it: this is logged, and the next claim writes it again."""
    path = Path(f"{connection.settings_dict['NAME']}.claims")
    path.write_text(content)
    queued = make_task()
    assert cancel_if_restored(timezone.now()) == 0
    assert reload(queued).state == State.QUEUED
    assert str(path) in caplog.text
    _claimed(make_task(state=State.COMPLETED))
    assert cancel_if_restored(timezone.now()) == 0


@only_sqlite
def test_a_mark_that_cannot_be_written_leaves_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk does not get another file with each claim."""
    folder = Path(connection.settings_dict["NAME"]).parent

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    monkeypatch.setattr("pathlib.Path.replace", fail)
    _claimed(make_task(state=State.COMPLETED))
    # SQLite makes and removes files of its own in the folder.
    assert [path.name for path in folder.iterdir() if ".claims" in path.name] == []
