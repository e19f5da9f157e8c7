"""Operators' pages with a million tasks and a hundred thousand chats: milliseconds and queries of each."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.benchmarks.figures import Figure
from tests.rig.parts import ROOT
from tests.rig.servers import MissingServerError
from tests.rig.system import Plan, System

TASKS, CONVERSATIONS, ACCOUNTS, TIMES = 1_000_000, 100_000, 400, 20
QUICK_TASKS, QUICK_CONVERSATIONS, QUICK_TIMES = 20_000, 2_000, 3
GOAL_MILLISECONDS, GOAL_QUERIES = 300, 19  # "under 20"
PAGES = "import django; django.setup(set_prefix=False); from tests.rig.console import main; main()"
GROUP = "operators' pages"


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Fill the tables, open each page so many times with nothing cached."""
    if database != "postgres":
        raise MissingServerError("operators' pages are measured on PostgreSQL alone")
    tasks, chats, times = (QUICK_TASKS, QUICK_CONVERSATIONS, QUICK_TIMES) if is_quick else (TASKS, CONVERSATIONS, TIMES)
    with System(Plan(database, accounts=ACCOUNTS, keys=1)) as system:
        environment = system.environment | {"DJANGO_SETTINGS_MODULE": "bingproject.settings"}
        collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
        subprocess.run(collect, env=environment, cwd=ROOT, check=True)
        command = [sys.executable, "-c", PAGES, f"--tasks={tasks}", f"--conversations={chats}", f"--times={times}"]
        done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    seen: dict[str, tuple[list[float], int]] = json.loads(done.stdout)
    return _figures(database, seen)


def _figures(database: str, seen: dict[str, tuple[list[float], int]]) -> list[Figure]:
    """The worst of all first; then each page: every request's time is a run of its own."""
    slowest = max(value for took, _ in seen.values() for value in took)
    most = max(count for _, count in seen.values())
    figures = [
        Figure(GROUP, "slowest request of all", database, slowest, "ms", GOAL_MILLISECONDS),
        Figure(GROUP, "most queries of all", database, most, "", GOAL_QUERIES),
    ]
    for name, (took, count) in seen.items():
        figures += [
            Figure(GROUP, f"{name}, {count} queries", database, value, "ms", GOAL_MILLISECONDS) for value in took
        ]
    return figures
