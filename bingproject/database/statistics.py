"""How work has gone of late: how much was made, refused and failed, and how long it took, by the hour for a day.

One statement in each database's own words, since the ORM knows no percentiles; exact, and no row leaves the database.
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
# The same by ranks: SQLite knows no percentiles.
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
class Source:
    """Where the work of a table stands, in SQL: what kind it is, how it ended, from when to when it was.

    `outcome` is `made`, `refused`, `failed` or, for what does not count, ''. `begin` has an index; `longest` is the
    most that may lie between `begin` and `end`. The texts are the programmer's, never a caller's.
    """

    table: str
    kind: str
    outcome: str
    begin: str
    end: str
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """What ended within some time. Units: seconds, of what was made; None without any."""

    made: int = 0
    refused: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None

    @property
    def share(self) -> float | None:
        """How much of what could be made was; None when there was nothing. A refused prompt is nobody's failure."""
        count = self.made + self.failed
        return self.made / count if count else None


@dataclass(slots=True)
class Course:
    """The last day: as a whole, and each of its hours, the oldest first."""

    day: Span = field(default_factory=Span)
    hours: list[Span] = field(default_factory=lambda: [Span()] * HOURS)

    @property
    def last_hour(self) -> Span:
        """The last sixty minutes."""
        return self.hours[-1]

    def put(self, hours_ago: int, outcome: str, count: int, p50: float, p95: float) -> None:
        """Add one figure of the statement."""
        old = self.day if hours_ago == _WHOLE_DAY else self.hours[HOURS - 1 - hours_ago]
        if outcome == MADE:
            new = replace(old, made=count, p50=p50, p95=p95)
        else:
            new = replace(old, refused=count) if outcome == REFUSED else replace(old, failed=count)
        if hours_ago == _WHOLE_DAY:
            self.day = new
        else:
            self.hours[HOURS - 1 - hours_ago] = new


def read_courses(source: Source, now: datetime) -> dict[str, Course]:
    """The course of each kind that ended anything within the last day; one query."""
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
