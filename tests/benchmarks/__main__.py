"""`python -m tests.benchmarks [names…] [--quick] [--database sqlite|postgres|both] [--runs N] [--output FOLDER]`.

Databases take turns in every run. Names: see BENCHMARKS.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import answer, carry, lifecycle, read, recover, submit
from tests.benchmarks.figures import DATABASES, Figure, as_markdown, summarise
from tests.rig.processes import machine
from tests.rig.servers import MissingServerError

# Each with how often it is repeated here; those that repeat within themselves run once.
BENCHMARKS = {
    "carry": (carry.run, 3),
    "answer": (answer.run, 5),
    "submit": (submit.run, 5),
    "read": (read.run, 1),
    "lifecycle": (lifecycle.run, 1),
    "recover": (recover.run, 1),
}


def _measure(names: list[str], databases: tuple[str, ...], runs: int | None, is_quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        run, usual_runs = BENCHMARKS[name]
        for number in range(1 if is_quick else runs or usual_runs):
            for database in databases:
                print(f"== {name}, {database}, run {number + 1}, load {os.getloadavg()[0]:.1f}", flush=True)
                try:
                    found = run(database, is_quick=is_quick)
                except MissingServerError as error:
                    print(f"left out: {error}", flush=True)
                    continue
                for figure in found:
                    print(f"   {figure.group}: {figure.name} {figure.value:.3f} {figure.unit}", flush=True)
                figures += found
    return figures


def main() -> int:
    """Measure, print the table, write table and JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help=f"some of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="one small run of each: shows that they work")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--runs", type=int, help="instead of each benchmark's own number")
    parser.add_argument("--output", type=Path, default=Path(tempfile.gettempdir()) / "bingproject-benchmarks")
    wanted = parser.parse_args()
    databases = DATABASES if wanted.database == "both" else (wanted.database,)
    names = wanted.names or list(BENCHMARKS)
    figures = _measure(names, databases, wanted.runs, wanted.quick)
    summaries = summarise(figures)
    table = as_markdown(summaries)
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "command": "python -m tests.benchmarks " + " ".join(sys.argv[1:]),
        "figures": [asdict(summary) | {"median": summary.median} for summary in summaries],
    }
    wanted.output.mkdir(parents=True, exist_ok=True)
    stem = "-".join(names) if wanted.names else "all"
    (wanted.output / f"{stem}.json").write_text(json.dumps(report, indent=1, default=str) + "\n")
    (wanted.output / f"{stem}.md").write_text(table + "\n")
    print(f"\n{report['machine']}, {report['date']}\n\n{table}\n\nreports: {wanted.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
