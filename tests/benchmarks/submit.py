"""From the accepted request to the POST at Bing, while accounts are free: a light stream of callers."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.benchmarks.figures import Figure, percentile
from tests.rig.parts import ROOT, inherited_environment
from tests.rig.rows import unix
from tests.rig.system import Plan, System

RATE, COUNT, QUICK_COUNT = 4.0, 200, 40
GROUP = "accepted → POST at Bing"


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """One stream; every account has room, and its image session is open or not as it comes."""
    count = QUICK_COUNT if is_quick else COUNT
    plan = Plan(database, sandbox=("--image-seconds", "5", "--boosts", "1000000"), accounts=40, account_limit=3, keys=4)
    with System(plan) as system:
        system.start()
        _stream(system, count)
        # The sandbox answers at once here, so it takes a submit the moment it arrives.
        taken = {submit[0]: submit[3] for submit in system.ask_sandbox("submits")}
        rows = system.rows.query("SELECT prompt, created_at FROM creator_task")
        waits = [(taken[prompt] - unix(created)) * 1000 for prompt, created in rows if prompt in taken]
        system.stop()
    return [
        Figure(GROUP, "p50", database, percentile(waits, 0.5), "ms"),
        Figure(GROUP, "p95", database, percentile(waits, 0.95), "ms", 300),
    ]


def _stream(system: System, count: int) -> None:
    keys = system.folder / "keys.json"
    keys.write_text(json.dumps(system.keys))
    command = [
        sys.executable, "-m", "tests.rig.client", "--url", system.url, "--keys", str(keys),
        "--journal", str(system.folder / "calls.jsonl"), "--prefix", "submit",
        "--rate", str(RATE), "--async-share", "1", "--most", str(count),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, env=inherited_environment(), check=True, timeout=300)
