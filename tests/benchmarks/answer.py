"""A row is finished, its waiting caller is answered: 1,000 callers wait, rows are finished one after the other by SQL.

The sandbox never gets ready here: nothing but the harness finishes rows, and the moment of each commit is known.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.sampling import Sampler
from tests.chaos.campaign import read_calls
from tests.rig.parts import ROOT, inherited_environment
from tests.rig.servers import wait_for
from tests.rig.system import Plan, System

WAITING, QUICK_WAITING, KEYS = 1000, 200, 40
PAUSE_SECONDS, FINISHED_SHARE = 0.05, 0.3
GROUP = "waiting callers"


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Let all wait, then finish a third of the rows, twenty a second."""
    count = QUICK_WAITING if is_quick else WAITING
    plan = Plan(
        database, sandbox=("--image-seconds", "100000", "--boosts", "1000000"), accounts=400, account_limit=3, keys=KEYS
    )
    with System(plan) as system:
        system.start()
        sampler = Sampler(system)
        before = sampler.look()
        client = _wait(system, count)
        try:
            wait_for(lambda: system.rows.count("polling") >= count, "everybody to wait", 180)
            time.sleep(3)
            loaded = sampler.look()
            committed_at = _finish_rows(system, int(count * FINISHED_SHARE))
            time.sleep(1)
        finally:
            client.kill()
            client.wait()
        calls = {call["prompt"]: call for call in read_calls(system.folder / "calls.jsonl")}
        system.stop()
    waits = [(calls[prompt]["answered_at"] - at) * 1000 for prompt, at in committed_at.items() if prompt in calls]
    return [
        Figure(GROUP, "row finished → answer, p50", database, percentile(waits, 0.5), "ms"),
        Figure(GROUP, "row finished → answer, p95", database, percentile(waits, 0.95), "ms", 150),
        Figure(GROUP, "not answered", database, len(committed_at) - len(waits), "", 0),
        Figure(GROUP, "threads of the web process", database, loaded.web_threads, "", 12),
        Figure(GROUP, "memory for each", database, (loaded.web_pss - before.web_pss) / 1024 / count, "KiB", 50),
    ]


def _wait(system: System, count: int) -> subprocess.Popen[bytes]:
    keys = system.folder / "keys.json"
    keys.write_text(json.dumps(system.keys))
    command = [
        sys.executable, "-m", "tests.rig.client", "--url", system.url, "--keys", str(keys),
        "--journal", str(system.folder / "calls.jsonl"), "--prefix", "answer",
        "--rate", "60", "--async-share", "0", "--most", str(count),
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, env=inherited_environment())


def _finish_rows(system: System, count: int) -> dict[str, float]:
    """Complete rows one by one; prompt → when its commit had returned."""
    sql = "SELECT id, prompt FROM creator_task WHERE state = 'polling' ORDER BY id LIMIT %s"
    chosen = system.rows.query(sql, [count])
    write = _writer(system)
    committed_at = {}
    for task_id, prompt in chosen:
        write(task_id)
        committed_at[prompt] = time.time()
        time.sleep(PAUSE_SECONDS)
    return committed_at


def _writer(system: System) -> Callable[[Any], None]:
    """What completes one row in a transaction of its own."""
    update = "UPDATE creator_task SET state = 'completed', runner = NULL, finished_at = %s WHERE id = %s"
    address = system.environment.get("DATABASE_URL")
    connection: Any
    if address:
        connection = psycopg.connect(address, autocommit=True)
    else:
        update = update.replace("%s", "?")
        connection = sqlite3.connect(system.folder / "data" / "db.sqlite3", timeout=20, isolation_level=None)

    def write(task_id: Any) -> None:
        now = datetime.now(UTC)
        connection.execute(update, [now if address else now.replace(tzinfo=None).isoformat(" "), task_id])

    return write
