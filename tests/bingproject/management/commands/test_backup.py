"""docs/operations.md, Backup, done for real: the recipes as they stand there, and nothing paid for twice."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import Request

import pytest

from tests.bingproject.cluster.clusters import SECONDS, environment, manage
from tests.bingproject.edge.serving import WHOLE, ServeRun, opener
from tests.rig.parts import ROOT
from tests.rig.servers import wait_for

pytestmark = pytest.mark.slow
WISHES = 11  # three at a time: the last ones wait for a quarter of a minute, in which the copies are made
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def recipes() -> list[list[str]]:
    """The command lines of the section's blocks: SQLite's copy and return, PostgreSQL's copy and return."""
    section = PAGE.partition("\n## Backup\n")[2].partition("\n## ")[0]
    return [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.S)]


def run(lines: list[str], folder: Path, env: dict[str, str]) -> None:
    """Run them in the folder, where `data` is DATA_DIR and `python` the one of the tests."""
    words = {"python manage.py": f"{sys.executable} {ROOT}/manage.py"}
    for line in lines:
        for word, meant in words.items():
            line = line.replace(word, meant)
        done = subprocess.run(["sh", "-ec", line], cwd=folder, env=env, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files, collected once for all starts."""
    return tmp_path_factory.mktemp("static")


def ask(server: ServeRun, number: int) -> None:
    """A picture that takes a while, so that the account's few places fill up and the rest waits."""
    body = json.dumps({"query": f"a fox {number} sandbox:seconds=5"}).encode()
    headers = {"content-type": "application/json", "prefer": "respond-async"}
    opener.open(Request(f"http://127.0.0.1:{server.port}/create/image", body, headers), timeout=SECONDS).close()


def states(database: Path) -> list[str]:
    """Of all tasks."""
    with closing(sqlite3.connect(database)) as read:
        return [state for (state,) in read.execute("SELECT state FROM creator_task ORDER BY created_at")]


def submits(folder: Path) -> int:
    """How many the stand-in for Bing has written down."""
    lines = (folder / "sandbox-journal.jsonl").read_text().splitlines()
    return sum(json.loads(line)["line"] == "submit" for line in lines)


def come_back(server: ServeRun, returning: list[str], number: int) -> None:
    """Restore a copy as the lines say and start: nothing of it is sent, and the server goes on with new pictures."""
    database = server.folder / "db.sqlite3"
    run(returning, server.folder.parent, server.settings)
    server.start()
    wait_for(lambda: "queued" not in states(database), "nothing queued", SECONDS)
    ask(server, number)
    wait_for(lambda: states(database)[-1] == "completed", "the next picture", 90)
    assert submits(server.folder) == number + 1
    assert server.stop(signal.SIGTERM) == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
def test_a_restored_sqlite_copy_sends_nothing_again(tmp_path: Path, static: Path) -> None:
    """Copies with tasks still queued, all of them made afterwards, a copy put back: as many submits as wishes.

    First by the book; then a copy of another tool, of which `cancel_queued` was forgotten.
    """
    copying, returning = recipes()[:2]
    assert returning.pop() == "python manage.py serve"
    (tmp_path / "data").mkdir()  # one level down, as in a checkout
    database, forgotten = tmp_path / "data/db.sqlite3", tmp_path / "forgotten.sqlite3"
    with ServeRun(tmp_path / "data", static) as server:
        for number in range(WISHES):
            ask(server, number)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(forgotten)) as copy:
            source.backup(copy)
        run(copying, tmp_path, server.settings)
        assert "queued" in states(forgotten)
        assert "cancelled" in states(tmp_path / "copy.sqlite3") and "queued" not in states(tmp_path / "copy.sqlite3")
        wait_for(lambda: states(database) == ["completed"] * WISHES, "all pictures", 120)
        assert server.stop(signal.SIGTERM) == 0
        come_back(server, returning, WISHES)
        forgotten.replace(tmp_path / "copy.sqlite3")
        come_back(server, [line for line in returning if "cancel_queued" not in line], WISHES + 1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
def test_without_a_worker_nothing_is_sent(tmp_path: Path, static: Path) -> None:
    """Pages and API answer, what is asked for stays queued, and no process of the cluster is there."""
    with ServeRun(tmp_path, static, "--no-worker") as server:
        ask(server, 1)
        roles = {role for role in WHOLE if server.pids(role)}
        assert roles == {"bp-serve", "bp-web", "bp-sandbox"}
        assert states(tmp_path / "db.sqlite3") == ["queued"]
        assert server.stop(signal.SIGTERM) == 0


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """One line says what to do."""
    manage(tmp_path, "migrate", "--verbosity", "0", DJANGO_SETTINGS_MODULE="bingproject.settings")
    (tmp_path / "copy").write_text("mine")
    done = manage(tmp_path, "backup", str(tmp_path / "copy"), DJANGO_SETTINGS_MODULE="bingproject.settings")
    assert done.returncode == 1
    assert "exists already. Name a file that does not." in done.stderr
    assert (tmp_path / "copy").read_text() == "mine"


QUEUE_ONE = """
from creator.models import Task
from creator.services.restores import cancel_if_restored
from django.utils import timezone
now = timezone.now()
Task.objects.create(prompt="x", caller_id="open", created_at=now, next_at=now, deadline_at=now)
print("cancelled:", cancel_if_restored(now))
"""
LOOK = """
from creator.services.restores import cancel_if_restored
from django.utils import timezone
print("cancelled:", cancel_if_restored(timezone.now()))
"""


def _postgres() -> str:
    """The address of the server that tests may make databases on; "" when there is none."""
    address = os.environ.get("DATABASE_URL", "postgres://127.0.0.1:5432/postgres").partition("?")[0]
    server = re.sub(r"/[^/]*$", "", address)
    if not server.startswith("postgres") or shutil.which("pg_restore") is None:
        return ""
    asked = [
        "psql",
        "-At",
        f"{server}/postgres",
        "-c",
        "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user",
    ]
    return server if subprocess.run(asked, capture_output=True, text=True).stdout.strip() == "t" else ""


@pytest.mark.postgres
@pytest.mark.skipif(not _postgres(), reason="needs a PostgreSQL server and its programs")
def test_a_restored_dump_has_nothing_queued(tmp_path: Path) -> None:
    """The recipe between databases of its own; where `cancel_queued` is left out, a worker's first look heals it."""
    server = _postgres()
    first, second, third = (f"bp_backup_{secrets.token_hex(4)}" for _ in range(3))
    copying, returning = recipes()[2:]
    assert "cancel_queued" in returning[-1]
    env = environment(tmp_path, DJANGO_SETTINGS_MODULE="bingproject.settings", DATABASE_URL=f"{server}/{first}")
    maintenance = f"--maintenance-db={server}/postgres"

    def restore(lines: list[str], name: str) -> dict[str, str]:
        within = env | {"RESTORED_URL": f"{server}/{name}"}
        run([line.replace(" restored", f" {name}") for line in lines], tmp_path, within)
        return within | {"DATABASE_URL": f"{server}/{name}"}

    try:
        run([f"createdb {maintenance} {first}"], tmp_path, env)
        run(
            ["python manage.py migrate --verbosity 0", f"python manage.py shell -c '{QUEUE_ONE}'", *copying],
            tmp_path,
            env,
        )
        restore(returning, second)
        within = restore(returning[:-1], third)
        run([f"python manage.py shell -c '{LOOK}' | grep 'cancelled: 1'"], tmp_path, within)
        for name in (second, third):
            run([f"psql -At {server}/{name} -c 'SELECT state FROM creator_task' | grep -x cancelled"], tmp_path, env)
    finally:
        run([f"dropdb --if-exists --force {maintenance} {name}" for name in (first, second, third)], tmp_path, env)
