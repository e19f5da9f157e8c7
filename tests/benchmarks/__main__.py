"""`python -m tests.benchmarks [names…] [--quick] [--database sqlite|postgres|both] [--runs N] [--output FOLDER]`.

Databases take turns in every run. Each benchmark leaves a JSON file; the table is made of all that lie in the folder,
so that they can be run one by one. `--write-docs` puts it into docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    answer,
    carry,
    chat,
    chat_streams,
    console,
    edge,
    lifecycle,
    pastes,
    read,
    recover,
    submit,
    uploads,
)
from tests.benchmarks.figures import DATABASES, Figure, as_markdown, summarise
from tests.rig.documents import put_block
from tests.rig.parts import clean_up_when_ended
from tests.rig.processes import machine
from tests.rig.servers import MissingServerError

# Each with how often it is repeated here; those that repeat within themselves run once.
BENCHMARKS: dict[str, tuple[Callable[..., list[Figure]], int]] = {
    "carry": (carry.run, 3),
    "answer": (answer.run, 5),
    "submit": (submit.run, 5),
    "read": (read.run, 1),
    "recover": (recover.run, 1),
    "lifecycle": (lifecycle.run, 1),
    "chat": (partial(chat.run, kind="bing"), 5),
    "chat-copilot": (partial(chat.run, kind="copilot"), 5),
    "chat-m365": (partial(chat.run, kind="m365"), 5),
    "chat-streams": (partial(chat_streams.run, kind="bing"), 1),
    "chat-streams-copilot": (partial(chat_streams.run, kind="copilot"), 1),
    "chat-streams-m365": (partial(chat_streams.run, kind="m365"), 1),
    "console": (console.run, 1),
    "edge": (edge.run, 1),
    "pastes": (pastes.run, 1),
    "uploads": (uploads.run, 1),
}

CHATS = tuple(name for name in BENCHMARKS if name.startswith("chat"))
# The tables of docs/performance.md.
CONSOLE = ("console",)
EDGE = ("edge",)
PASTES = ("pastes", "uploads")
BLOCKS = {
    "figures": [name for name in BENCHMARKS if name not in (*CHATS, *CONSOLE, *EDGE, *PASTES)],
    "chat figures": CHATS,
    "console figures": CONSOLE,
    "edge figures": EDGE,
    "paste figures": PASTES,
}


def _measure(name: str, databases: tuple[str, ...], runs: int | None, is_quick: bool) -> dict[str, Any]:
    """One benchmark: its figures, when, and how busy the machine was before each run."""
    run, usual_runs = BENCHMARKS[name]
    figures: list[Figure] = []
    loads: list[float] = []
    for number in range(1 if is_quick else runs or usual_runs):
        for database in databases:
            loads.append(round(os.getloadavg()[0], 1))
            print(f"== {name}, {database}, run {number + 1}, load {loads[-1]}", flush=True)
            try:
                found = run(database, is_quick=is_quick)
            except MissingServerError as error:
                print(f"left out: {error}", flush=True)
                continue
            for figure in found:
                print(f"   {figure.group}: {figure.name} {figure.value:.3f} {figure.unit}", flush=True)
            figures += found
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "is_quick": is_quick,
        "load_before_each_run": loads,
        "figures": [asdict(figure) for figure in figures],
    }


def _page(folder: Path, names: Iterable[str] = tuple(BENCHMARKS)) -> str:
    """The table of everything measured so far, and where and when."""
    reports = {name: json.loads(path.read_text()) for name in names if (path := folder / f"{name}.json").exists()}
    figures = [Figure(**figure) for report in reports.values() for figure in report["figures"]]
    lines = [as_markdown(summarise(figures)), "", "| benchmark | measured | load average before each run | machine |"]
    lines += ["|---|---|---|---|"]
    lines += [
        f"| `python -m tests.benchmarks {name}{' --quick' if report['is_quick'] else ''}` | {report['date'][:10]} "
        f"| {', '.join(map(str, report['load_before_each_run']))} | {report['machine']} |"
        for name, report in reports.items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write table and JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--quick", action="store_true", help="one small run of each: shows that they work")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--runs", type=int, help="instead of each benchmark's own number")
    parser.add_argument("--output", type=Path, default=Path(tempfile.gettempdir()) / "bingproject-benchmarks")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    wanted = parser.parse_args()
    clean_up_when_ended()
    if unknown := set(wanted.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    wanted.output.mkdir(parents=True, exist_ok=True)
    databases = DATABASES if wanted.database == "both" else (wanted.database,)
    for name in wanted.names or BENCHMARKS:
        report = _measure(name, databases, wanted.runs, wanted.quick)
        (wanted.output / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    page = _page(wanted.output)
    (wanted.output / "table.md").write_text(page + "\n")
    if wanted.write_docs:
        for block, names in BLOCKS.items():
            if any((wanted.output / f"{name}.json").exists() for name in names):
                put_block("performance.md", block, _page(wanted.output, names))
    print(f"\n{page}\n\nreports: {wanted.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
