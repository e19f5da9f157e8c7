"""Run concurrent calls in threads and in processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection, connections

THREADS = 25
ROOT = Path(__file__).resolve().parents[4]


def in_threads(ask: Callable[[], Any], *, times: int) -> list[Any]:
    """Return the results of calls in up to `THREADS` threads that start together; more would exhaust connections."""
    count = min(times, THREADS)
    barrier = threading.Barrier(count)
    answers: list[Any] = []

    def run(share: int) -> None:
        barrier.wait()
        try:
            answers.extend(ask() for _ in range(share))
        finally:
            connections.close_all()

    shares = [times // count + (number < times % count) for number in range(count)]
    threads = [threading.Thread(target=run, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def in_processes(program: str, *, times: int, **variables: str) -> list[str]:
    """Run `program` in `times` processes with Django and this test's database; return what each printed.

    The programs start together, after all processes have set up Django.
    """
    setup = "import sys, django; django.setup(); print('ready', flush=True); sys.stdin.readline()\n"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bingproject.settings", "DATABASE_URL": database_url()}
    environment |= variables
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", setup + program],
            cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(times)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * times
    return printed


def database_url() -> str:
    """Return the environment that gives another process this test's database."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{quote(str(found['NAME']))}"
    login = f"{found['USER']}:{found['PASSWORD']}" if found["PASSWORD"] else found["USER"]
    return f"postgres://{login}@{found['HOST']}:{found['PORT'] or 5432}/{found['NAME']}"
