"""What a campaign found, as text for docs/reliability.md and as JSON."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

from tests.chaos.campaign import Campaign
from tests.chaos.verdict import Verdict
from tests.rig.processes import machine

TITLES = {
    "sqlite": "SQLite alone: one `manage.py serve`",
    "postgres": "PostgreSQL and Redis: web and two machines apart",
}


def as_json(campaign: Campaign, verdict: Verdict, command: str) -> dict[str, Any]:
    """Everything, machine-readable."""
    return {
        "database": campaign.database,
        "command": command,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_good": verdict.is_good,
        "must_be_zero": verdict.must_be_zero,
        "told": verdict.told,
        "examples": verdict.examples,
        "campaign": asdict(campaign),
    }


def as_markdown(report: dict[str, Any]) -> str:
    """The counts, then the recovery times."""
    campaign, told = report["campaign"], report["told"]
    lines = [
        f"### {TITLES[report['database']]}",
        "",
        f"`{report['command']}`, {len(campaign['rounds'])} rounds, seed {campaign['seed']}, {report['date'][:10]}, "
        f"{report['machine']}.",
        "",
        "| must be 0 | found |",
        "|---|---:|",
        *(f"| {name} | {number} |" for name, number in report["must_be_zero"].items()),
        "",
        "| counted | |",
        "|---|---|",
        *(f"| {name} | {_flat(value)} |" for name, value in told.items()),
        f"| start → listening, with a live runner | {campaign['start_seconds']:.2f} s |",
        f"| clean stop under load | {campaign['stop_seconds']:.2f} s |",
        "",
        "| strike | rounds | runner of the machine lives again: median | most | web answers again: most |",
        "|---|---:|---:|---:|---:|",
        *_recoveries(campaign["rounds"]),
        "",
    ]
    return "\n".join(lines)


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {number}" for name, number in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _recoveries(rounds: list[dict[str, Any]]) -> list[str]:
    by_strike: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for round_ in rounds:
        by_strike[round_["strike"]].append(round_)
    lines = []
    for strike, found in sorted(by_strike.items()):
        runner = [one["runner_seconds"] or 0.0 for one in found]
        web = [one["web_seconds"] or 0.0 for one in found]
        lines.append(
            f"| {strike} | {len(found)} | {median(runner):.1f} s | {max(runner):.1f} s | {max(web):.1f} s |"
        )  # fmt: skip
    return lines
