"""2,000 generations of 30-60 s with a waiting caller each, through one `manage.py serve`: the figures of the load."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.sampling import MEBIBYTE, Sample, Sampler, cores
from tests.chaos.campaign import read_calls
from tests.rig.parts import ROOT, inherited_environment
from tests.rig.rows import unix
from tests.rig.system import Plan, System

ACCOUNTS, LIMIT, KEYS, CAP = 400, 3, 40, 1000
FIXED_POLL_SECONDS = 5.0


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """One load from the first request to the last answer."""
    count, seconds = (300, "10-20") if is_quick else (2000, "30-60")
    plan = Plan(
        database,
        sandbox=("--image-seconds", seconds, "--submit-seconds", "0.1-0.3", "--boosts", "1000000"),
        accounts=ACCOUNTS,
        account_limit=LIMIT,
        keys=KEYS,
    )
    with System(plan) as system:
        system.start()
        sampler = Sampler(system)
        sampler.start()
        _load(system, count)
        samples = sampler.stop()
        figures = [*_resources(database, samples), *_outcome(database, system, count)]
        _tell_failures(system)
        system.stop()
    return figures


def _load(system: System, count: int) -> None:
    keys = system.folder / "keys.json"
    keys.write_text(json.dumps(system.keys))
    command = [
        sys.executable, "-m", "tests.rig.client", "--url", system.url, "--keys", str(keys),
        "--journal", str(system.folder / "calls.jsonl"), "--prefix", "carry",
        "--rate", "150", "--async-share", "0", "--most", str(count),
    ]  # fmt: skip
    client = subprocess.Popen(command, cwd=ROOT, env=inherited_environment())
    client.wait(timeout=600)


def _resources(database: str, samples: list[Sample]) -> list[Figure]:
    peak = max(sample.in_flight for sample in samples)
    full = [sample for sample in samples if sample.in_flight >= 0.95 * peak]
    callers = max(sample.in_flight + sample.queued for sample in samples)
    group = "1,000 in flight"
    return [
        Figure(group, "most at once, counted in the database", database, peak, "", CAP),
        Figure(
            group, "memory of the cluster (PSS), most", database,
            max(sample.cluster_pss for sample in samples) / MEBIBYTE, "MiB", 350,
        ),
        Figure(group, "CPU of the cluster while full", database, cores(full, "cluster_cpu"), "cores", 0.5),
        Figure(group, "CPU of the web process while full", database, cores(full, "web_cpu"), "cores"),
        Figure(group, "callers waiting at once", database, callers, ""),
    ]  # fmt: skip


def _tell_failures(system: System) -> None:
    """What did not complete, and why: a load that loses tasks measures nothing."""
    what = "state, error_code, error_detail"
    sql = f"SELECT {what}, COUNT(*) FROM creator_task WHERE state <> 'completed' GROUP BY {what}"
    failures = system.rows.query(sql)
    if failures:
        print(*failures, system.log_tail(), sep="\n", flush=True)


def _outcome(database: str, system: System, count: int) -> list[Figure]:
    calls = read_calls(system.folder / "calls.jsonl")
    submits = {submit[0]: submit for submit in system.ask_sandbox("submits")}
    state = system.ask_sandbox("state")
    answered = {call["prompt"]: call["answered_at"] for call in calls if call.get("status") == 200}
    seen = [at - submits[prompt][4] for prompt, at in answered.items()]
    rows = system.rows.query("SELECT prompt, finished_at, created_at FROM creator_task WHERE state = 'completed'")
    told = [answered[prompt] - unix(finished) for prompt, finished, _ in rows if prompt in answered]
    took = max(unix(finished) for _, finished, _ in rows) - min(unix(created) for _, _, created in rows)
    fixed = sum(int((ready - accepted) // FIXED_POLL_SECONDS) + 1 for _, _, _, accepted, ready, _ in submits.values())
    over = sum(max(account["max_running"].values()) > LIMIT for account in state["accounts"].values())
    what = "picture at Bing → caller has it"
    return [
        Figure("throughput", f"{count:,} generations", database, took, "s", 160 if count == 2000 else None),
        Figure("throughput", "not completed", database, count - len(rows), "", 0),
        Figure("throughput", "submitted twice", database, state["submits"]["accepted"] - len(submits), "", 0),
        Figure("throughput", "accounts over their limit", database, over, "", 0),
        Figure(what, "p50", database, percentile(seen, 0.5), "s", 1.0),
        Figure(what, "p95", database, percentile(seen, 0.95), "s", 2.0),
        Figure(what, "polls, as a multiple of a fixed 5 s", database, state["polls"]["total"] / fixed, "times", 2.0),
        Figure("1,000 in flight", "result read → caller answered, p50", database, percentile(told, 0.5) * 1000, "ms"),
        Figure("1,000 in flight", "result read → caller answered, p95", database, percentile(told, 0.95) * 1000, "ms"),
    ]
