"""Count what was made, refused and failed in the last day, by the hour, with percentiles of its duration.

One statement in each database's own dialect, since the ORM has no percentiles. The figures are exact, and no row leaves
the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection

HOURS = 24
MADE, REFUSED = "made", "refused"
_WHOLE_DAY = -1

_ENDED = """
WITH ended AS (
    SELECT {kind} AS kind, {outcome} AS outcome, {seconds} AS seconds, {hours_ago} AS hours_ago
    FROM {table} WHERE {begin} > %s AND {end} > %s AND {end} <= %s
)"""
_POSTGRESQL = f"""{_ENDED}
SELECT kind, outcome, COALESCE(hours_ago, {_WHOLE_DAY}), total, places[1], places[2] FROM (
    SELECT kind, outcome, hours_ago, COUNT(*) AS total,
        PERCENTILE_DISC(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS places
    FROM ended WHERE outcome <> '' GROUP BY GROUPING SETS ((kind, outcome, hours_ago), (kind, outcome))
) AS figures
"""
# The same by ranks, since SQLite has no percentiles.
_SQLITE = f"""{_ENDED}, ranked AS (
    SELECT kind, outcome, hours_ago, seconds,
        ROW_NUMBER() OVER (PARTITION BY kind, outcome, hours_ago ORDER BY seconds) AS place,
        COUNT(*) OVER (PARTITION BY kind, outcome, hours_ago) AS total,
        ROW_NUMBER() OVER (PARTITION BY kind, outcome ORDER BY seconds) AS day_place,
        COUNT(*) OVER (PARTITION BY kind, outcome) AS day_total
    FROM ended WHERE outcome <> ''
)
SELECT kind, outcome, hours_ago, MAX(total),
    MIN(CASE WHEN place >= total * 0.5 THEN seconds END), MIN(CASE WHEN place >= total * 0.95 THEN seconds END)
FROM ranked GROUP BY kind, outcome, hours_ago
UNION ALL
SELECT kind, outcome, {_WHOLE_DAY}, MAX(day_total),
    MIN(CASE WHEN day_place >= day_total * 0.5 THEN seconds END),
    MIN(CASE WHEN day_place >= day_total * 0.95 THEN seconds END)
FROM ranked GROUP BY kind, outcome
"""
_DIALECTS = {
    "postgresql": {
        "sql": _POSTGRESQL,
        "seconds": "date_part('epoch', {end} - {begin})",
        "hours_ago": "floor(date_part('epoch', %s - {end}) / 3600)::int",
    },
    "sqlite": {
        "sql": _SQLITE,
        "seconds": "(julianday({end}) - julianday({begin})) * 86400",
        "hours_ago": "CAST((julianday(%s) - julianday({end})) * 24 AS INTEGER)",
    },
}


@dataclass(frozen=True, slots=True)
class StatisticsSource:
    """The SQL expressions that describe the work in a table. They come from code, never from a caller.

    Attributes:
        table: The table.
        kind: What the work is.
        outcome: `made`, `refused`, `failed`, or '' for rows that do not count.
        begin: When it began; an indexed column.
        end: When it ended.
        longest: The longest possible time between `begin` and `end`, which bounds the rows to read.
    """

    table: str
    kind: str
    outcome: str
    begin: str
    end: str
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """Counts of what ended in a period; `p50` and `p95` are seconds of what was made, None if there was none."""

    made: int = 0
    refused: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None

    @property
    def share(self) -> float | None:
        """The share of attempts that succeeded, None without any. Refused prompts do not count as failures."""
        count = self.made + self.failed
        return self.made / count if count else None


@dataclass(slots=True)
class Course:
    """The last day as a whole, and by hours, oldest first."""

    day: Span = field(default_factory=Span)
    hours: list[Span] = field(default_factory=lambda: [Span()] * HOURS)

    @property
    def last_hour(self) -> Span:
        """The last 60 minutes."""
        return self.hours[-1]

    def put(self, hours_ago: int, outcome: str, count: int, p50: float, p95: float) -> None:
        """Add one row of the statement's result."""
        old = self.day if hours_ago == _WHOLE_DAY else self.hours[HOURS - 1 - hours_ago]
        if outcome == MADE:
            new = replace(old, made=count, p50=p50, p95=p95)
        else:
            new = replace(old, refused=count) if outcome == REFUSED else replace(old, failed=count)
        if hours_ago == _WHOLE_DAY:
            self.day = new
        else:
            self.hours[HOURS - 1 - hours_ago] = new


def read_courses(source: StatisticsSource, now: datetime) -> dict[str, Course]:
    """Return the last day of each kind that has ended work in it. One query."""
    dialect, columns = _DIALECTS[connection.vendor], {"begin": source.begin, "end": source.end}
    texts = {name: dialect[name].format(**columns) for name in ("seconds", "hours_ago")}
    sql = dialect["sql"].format(table=source.table, kind=source.kind, outcome=source.outcome, **texts, **columns)
    since = now - timedelta(hours=HOURS)
    moments = [connection.ops.adapt_datetimefield_value(at) for at in (now, since - source.longest, since, now)]
    courses: dict[str, Course] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, moments)
        for kind, outcome, hours_ago, count, p50, p95 in cursor.fetchall():
            courses.setdefault(kind, Course()).put(min(hours_ago, HOURS - 1), outcome, count, p50, p95)
    return courses
