"""`GET /task/:id` with a key: CPU of the web process for each request, with few and with very many tasks stored."""

from __future__ import annotations

from contextlib import ExitStack

import httpx

from tests.benchmarks.figures import Figure
from tests.benchmarks.sampling import pids_of
from tests.rig.processes import exact_cpu_seconds
from tests.rig.system import Plan, System

FEW, MANY, QUICK_MANY = 1_000, 1_000_000, 50_000
REQUESTS, RUNS = 1_500, 5
GROUP = "GET /task/:id, key checked"


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Both tables at once, one server each, asked in turn."""
    many = QUICK_MANY if is_quick else MANY
    figures: list[Figure] = []
    with ExitStack() as stack:
        systems = [(count, stack.enter_context(System(Plan(database, accounts=1, keys=1)))) for count in (FEW, many)]
        paths = []
        for count, system in systems:
            task_id = system.seed(f"--finished={count}", "--caller-id=user:rig-000")
            system.start()
            paths.append(f"/task/{task_id}")
        for _ in range(RUNS):
            for (count, system), path in zip(systems, paths, strict=True):
                value = _cpu_microseconds(system, path)
                figures.append(Figure(GROUP, f"CPU with {count:,} tasks", database, value, "µs", 1800))
        for _, system in systems:
            system.stop()
    return figures


def _cpu_microseconds(system: System, path: str) -> float:
    """CPU of the web process per request, over one kept connection, after some warm-up."""
    headers = {"Authorization": f"Bearer {system.keys[0]}"}
    web = pids_of(system, "bp-web")
    with httpx.Client(base_url=system.url, headers=headers, trust_env=False) as client:
        for _ in range(100):
            client.get(path).raise_for_status()
        before = exact_cpu_seconds(web)
        for _ in range(REQUESTS):
            client.get(path)
        return (exact_cpu_seconds(web) - before) / REQUESTS * 1e6
