"""The admin's first page: cards that the apps offer, each for those who may see what it tells of.

Who offers cards is named in settings, since no app is known here. What they found is kept for some seconds: many
operators, or one who reloads, ask the database no more than one does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.timesince import timesince

from bingproject.models import MACHINE_FRESH_SECONDS, Machine
from bingproject.rates import HOURS, Course, Span

KEPT_SECONDS = 10
CACHE_KEY = f"dashboard-{settings.VERSION}"
GREEN, RED, ORANGE, BLUE, LIGHT_BLUE = (
    f"var(--color-{name})" for name in ("green-500", "red-500", "orange-400", "blue-500", "blue-300")
)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a card: what it is, the figure, what belongs to it, and the colour of its label if it wears one."""

    name: str
    value: str
    note: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the theme's script reads it from the page: no script of ours."""

    sort: str  # "bar" or "line"
    title: str
    value: str


@dataclass(frozen=True, slots=True)
class Card:
    """What one card says, and which permission its reader needs. Cells of the table are text or safe HTML."""

    title: str
    permission: str
    lines: Sequence[Line] = ()
    charts: Sequence[Chart] = ()
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    empty: str = ""
    is_wide: bool = False
    table: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", {"headers": self.headers, "rows": self.rows})


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The page's context with the cards that this operator may see: UNFOLD's DASHBOARD_CALLBACK."""
    return context | {"cards": [card for card in read_cards() if request.user.has_perm(card.permission)]}


def read_cards() -> list[Card]:
    """All cards, as they were found within the last seconds."""
    cards: list[Card] | None = cache.get(CACHE_KEY)
    if cards is None:
        now = timezone.now()
        providers: Iterable[Callable[[datetime], Iterable[Card]]] = map(import_string, settings.DASHBOARD_CARDS)
        cards = [card for provide in providers for card in provide(now)]
        cache.set(CACHE_KEY, cards, KEPT_SECONDS)
    return cards


# --- what cards are made of ---


def course_card(title: str, permission: str, course: Course, now: datetime) -> Card:
    """How one kind of work goes: the last hour, the last day, and each hour as charts."""
    lines = (_span_line("Last hour", course.last_hour), _span_line("Last day", course.day))
    if course.day == Span():
        return Card(title, permission, lines)
    return Card(title, permission, lines, charts=(_count_chart(course, now), _duration_chart(course, now)))


def _span_line(name: str, span: Span) -> Line:
    if span == Span():
        return Line(name, "none", "nothing ended")
    counts = ((span.made, "made"), (span.failed, "failed"), (span.refused, "refused"))
    said = [f"{count:,} {word}" for count, word in counts if count]
    if span.p50 is not None and span.p95 is not None:
        said.append(f"p50 {span.p50:,.1f} s, p95 {span.p95:,.1f} s")
    share = span.share
    if share is None:
        return Line(name, "none", ", ".join(said))
    colour = "success" if share >= 0.95 else "warning" if share >= 0.8 else "danger"
    return Line(name, f"{share:.0%}", ", ".join(said), colour)


def _labels(now: datetime) -> list[str]:
    """When each hour began."""
    return [f"{now - timedelta(hours=HOURS - number):%H:%M}" for number in range(HOURS)]


def _count_chart(course: Course, now: datetime) -> Chart:
    colours = (("made", GREEN), ("failed", RED), ("refused", ORANGE))
    datasets = [
        {
            "label": name,
            "data": [getattr(span, name) for span in course.hours],
            "backgroundColor": colour,
            "stack": "ended",
            "displayYAxis": True,
            "maxTicksXLimit": 6,
        }
        for name, colour in colours
    ]
    title = "Ended in each hour: made green, failed red, refused prompts orange"
    return Chart("bar", title, json.dumps({"labels": _labels(now), "datasets": datasets}))


def _duration_chart(course: Course, now: datetime) -> Chart:
    datasets = [
        {
            "label": name,
            "data": [_rounded(getattr(span, name)) for span in course.hours],
            "borderColor": colour,
            "spanGaps": True,
            "pointStyle": "circle",
            "pointRadius": 2,
            "backgroundColor": colour,
            "displayYAxis": True,
            "suffixYAxis": "s",
            "maxTicksXLimit": 6,
        }
        for name, colour in (("p50", LIGHT_BLUE), ("p95", BLUE))
    ]
    title = "Seconds from request to result: p50 light, p95 dark"
    return Chart("line", title, json.dumps({"labels": _labels(now), "datasets": datasets}))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def machine_cards(now: datetime) -> list[Card]:
    """The clusters that were heard of just now, or the last ones that were."""
    fresh = now - timedelta(seconds=MACHINE_FRESH_SECONDS)
    machines = list(Machine.objects.filter(seen_at__gte=now - timedelta(days=1)).order_by("-seen_at")[:10])
    live_count = sum(machine.seen_at >= fresh for machine in machines)
    state = Line("Live", f"{live_count}", "" if live_count else "start a worker", "success" if live_count else "danger")
    return [Card("Machines", "creator.view_runner", lines=(state, *(_machine_line(one, now) for one in machines)))]


def _machine_line(machine: Machine, now: datetime) -> Line:
    host = "" if machine.host == machine.machine_id else f"on {machine.host}, "
    problem = f": {machine.problem}" if machine.problem else ""
    return Line(machine.machine_id, "", f"{host}heard of {timesince(machine.seen_at, now)} ago{problem}")
