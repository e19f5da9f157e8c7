"""Start, stop and rest of one `manage.py serve`."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import httpx

from tests.benchmarks.figures import Figure
from tests.benchmarks.sampling import MEBIBYTE, pids_of
from tests.rig.parts import ROOT, inherited_environment
from tests.rig.processes import exact_cpu_seconds, pss_bytes
from tests.rig.servers import is_listening, wait_for
from tests.rig.system import Plan, System

RUNS, IN_FLIGHT = 5, 150
REST_SECONDS, QUICK_REST_SECONDS, SETTLING_SECONDS = 20.0, 5.0, 6.0


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Five starts, rests and stops under load, one after the other on the same data."""
    plan = Plan(
        database, sandbox=("--image-seconds", "120", "--boosts", "1000000"), accounts=80, account_limit=3, keys=4
    )
    figures: list[Figure] = []
    with System(plan) as system:
        system.start()  # once, so that styles and tables are there, as on any start but the first
        system.stop()
        for number in range(1 if is_quick else RUNS):
            figures += _start(database, system)
            figures += _rest(database, system, QUICK_REST_SECONDS if is_quick else REST_SECONDS)
            figures += _stop_under_load(database, system, number)
    return figures


def _start(database: str, system: System) -> list[Figure]:
    part = system.parts[0]
    began = time.monotonic()
    part.start()
    wait_for(lambda: is_listening(system.port), "listening", step=0.005)
    listening = time.monotonic() - began
    wait_for(lambda: _answers(system), "an answer", step=0.01)
    answering = time.monotonic() - began
    wait_for(system.rows.has_live_runner, "a runner", step=0.01)
    return [
        Figure("start", "to listening", database, listening, "s", 3.0),
        Figure("start", "to the first answer", database, answering, "s"),
        Figure("start", "to a runner that takes tasks", database, time.monotonic() - began, "s"),
    ]


def _answers(system: System) -> bool:
    try:
        return httpx.get(f"{system.url}/healthz", timeout=1.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _rest(database: str, system: System, seconds: float) -> list[Figure]:
    """CPU and memory with nothing to do, the supervisor included."""
    time.sleep(SETTLING_SECONDS)
    pids = [process.pid for process in system.parts[0].processes()]
    before, began = exact_cpu_seconds(pids), time.monotonic()
    time.sleep(seconds)
    used = (exact_cpu_seconds(pids) - before) / (time.monotonic() - began)
    return [
        Figure("idle", "CPU of web and cluster", database, used * 100, "% of a core", 3.0),
        Figure("idle", "memory of web and cluster (PSS)", database, pss_bytes(pids) / MEBIBYTE, "MiB", 250),
        Figure("idle", "processes", database, len(pids), ""),
        Figure("idle", "memory of the web process alone (PSS)", database,
               pss_bytes(pids_of(system, "bp-web")) / MEBIBYTE, "MiB"),
    ]  # fmt: skip


def _stop_under_load(database: str, system: System, number: int) -> list[Figure]:
    """SIGTERM while many generations are in flight, half of their callers waiting."""
    keys = system.folder / "keys.json"
    keys.write_text(json.dumps(system.keys))
    command = [
        sys.executable, "-m", "tests.rig.client", "--url", system.url, "--keys", str(keys),
        "--journal", str(system.folder / "calls.jsonl"), "--prefix", f"stop {number}",
        "--rate", "60", "--async-share", "0.5", "--most", str(IN_FLIGHT),
    ]  # fmt: skip
    client = subprocess.Popen(command, cwd=ROOT, env=inherited_environment())
    try:
        wait_for(lambda: system.rows.count("polling") >= IN_FLIGHT, "the load", 60)
        seconds = system.stop()
        left = system.rows.count("submitting", "uncertain")
    finally:
        client.kill()
        client.wait()
    system.tell_sandbox("options", {"image_seconds": 120})
    _forget(system)
    return [
        Figure("clean stop", f"with {IN_FLIGHT} in flight", database, seconds, "s", 5.0),
        Figure("clean stop", "rows of unknown outcome left", database, left, "", 0),
    ]


def _forget(system: System) -> None:
    """End the tasks of this run, so that the next one rests."""
    system.seed("--cancel=1")
    system.tell_sandbox("reset", {})
