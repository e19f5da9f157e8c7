"""A figure: what was measured, on which database, in how many runs, against which goal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

DATABASES = ("sqlite", "postgres")
TITLES = {"sqlite": "SQLite", "postgres": "PostgreSQL + Redis"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one run. `goal` is in the figure's own unit and means "at most", unless `is_floor`.

    Shape: `of` is what the same figure is taken of besides, side by side, "" where there is nothing else; `is_least`
    where the measurement was ended at this value.
    """

    group: str
    name: str
    database: str
    value: float
    unit: str
    goal: float | None = None
    is_floor: bool = False
    of: str = ""
    is_least: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over its runs."""

    group: str
    name: str
    database: str
    unit: str
    goal: float | None
    is_floor: bool
    of: str
    values: tuple[float, ...]
    is_least: bool

    @property
    def median(self) -> float:
        """The middle of the runs."""
        return median(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the median reaches the goal; None without one."""
        if self.goal is None:
            return None
        return self.median >= self.goal if self.is_floor else self.median <= self.goal


def summarise(figures: Iterable[Figure]) -> list[Summary]:
    """Gather the runs of each figure, in the order in which they first came."""
    runs: dict[tuple[str, str, str, str], list[Figure]] = {}
    for figure in figures:
        runs.setdefault((figure.group, figure.name, figure.of, figure.database), []).append(figure)
    return [
        Summary(
            group, name, database, found[0].unit, found[0].goal, found[0].is_floor, of,
            tuple(one.value for one in found), any(one.is_least for one in found),
        )
        for (group, name, of, database), found in runs.items()
    ]  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank); NaN without values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def as_markdown(summaries: Sequence[Summary]) -> str:
    """One row for each figure, one column for each thing it is taken of on each database; the goal, whether it was met.

    Shape: both databases have their columns even where one was not measured.
    """
    things = list(dict.fromkeys(summary.of for summary in summaries)) or [""]
    columns = [(of, database) for of in things for database in DATABASES]
    titles = [f"{of}, {TITLES[database]}".removeprefix(", ") for of, database in columns]
    lines = [
        "| what | goal | " + " | ".join(titles) + " | runs |",
        "|---|---|" + "---:|" * len(columns) + "---:|",
    ]
    by_key: dict[tuple[str, str], dict[tuple[str, str], Summary]] = {}
    for summary in summaries:
        by_key.setdefault((summary.group, summary.name), {})[summary.of, summary.database] = summary
    for (group, name), found in by_key.items():
        first = next(iter(found.values()))
        cells = " | ".join(_cell(found.get(column)) for column in columns)
        runs = "/".join(str(len(found[column].values)) for column in columns if column in found)
        lines.append(f"| {group}: {name} | {_goal(first)} | {cells} | {runs} |")
    return "\n".join(lines)


def _goal(summary: Summary) -> str:
    if summary.goal is None:
        return ""
    return f"{'≥' if summary.is_floor else '≤'} {_number(summary.goal)} {summary.unit}".strip()


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return "-"
    text = f"{'> ' if summary.is_least else ''}{_number(summary.median)} {summary.unit}".strip()
    if len(summary.values) > 1:
        text += f" ({_number(min(summary.values))}-{_number(max(summary.values))})"
    return text if summary.is_met is not False else f"**{text} - missed**"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")
