"""The dashboard, the admin's first page: cards that the apps provide, each with the permission to see it.

Settings name the providers, since no app is known here. Their cards are cached for some seconds, so that many operators
cost no more queries than one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.timesince import timesince

from bingproject.database.statistics import HOURS, Course, Span
from bingproject.models import MACHINE_FRESH_SECONDS, Machine
from bingproject.operators import live_updates

KEPT_SECONDS = 10
LIVE_SECONDS = 5  # how often an open dashboard updates itself
# A chart of a single hour would be an empty frame with one point.
LEAST_CHARTED_HOURS = 2
CACHE_KEY = f"dashboard-{settings.VERSION}"
GREEN, RED, ORANGE, BLUE, LIGHT_BLUE = (
    f"var(--color-{name})" for name in ("green-500", "red-500", "orange-400", "blue-500", "blue-300")
)


Provider = TypeVar("Provider", bound="Callable[[datetime], Iterable[Card]]")


@dataclass(frozen=True, slots=True)
class CardLine:
    """One figure of a card: name, value, note, and the colour of its label, "" for none."""

    name: str
    value: str
    note: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in the format of the theme's own script."""

    sort: str  # "bar" or "line"
    title: str
    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """A button of a card, for those who have the permission."""

    text: str
    address: str
    permission: str
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One card and the permission to see it. The cells of its table and `content` are safe HTML."""

    title: str
    permission: str
    lines: Sequence[CardLine] = ()
    charts: Sequence[Chart] = ()
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    empty: str = ""
    content: str = ""
    links: Sequence[Link] = ()
    is_wide: bool = False
    table: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", {"headers": self.headers, "rows": self.rows})

    @property
    def version(self) -> str:
        """A hash of the card's content, by which the page knows whether to update it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def seen_by(self, user: Any) -> Card:
        """Return the card with only the buttons that this operator may use."""
        return replace(self, links=[link for link in self.links if user.has_perm(link.permission)])


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the page's context with the cards that this operator may see. UNFOLD's DASHBOARD_CALLBACK names it."""
    user: Any = request.user
    cards = [card.seen_by(user) for card in read_cards() if user.has_perm(card.permission)]
    base = "bingproject/live_page.html" if live_updates.is_asked(request) else "admin/index.html"
    return context | {"cards": cards, "base": base, "live_seconds": LIVE_SECONDS}


def read_cards() -> list[Card]:
    """Return all cards, those of each provider from the cache if they are there."""
    names: list[str] = settings.DASHBOARD_CARDS
    found: dict[str, list[Card]] = cache.get_many([f"{CACHE_KEY}-{name}" for name in names])
    now = timezone.now()
    cards: list[Card] = []
    for name in names:
        key, provide = f"{CACHE_KEY}-{name}", import_string(name)
        if key not in found:
            found[key] = list(provide(now))
            cache.set(key, found[key], getattr(provide, "kept_seconds", KEPT_SECONDS))
        cards += found[key]
    return cards


def kept_for(seconds: int) -> Callable[[Provider], Provider]:
    """Cache a provider's cards for another time, shorter for cheap ones that change while they are watched."""

    def mark(provide: Provider) -> Provider:
        provide.kept_seconds = seconds  # type: ignore[attr-defined]  # read by `read_cards`
        return provide

    return mark


# --- building blocks of cards ---


def course_card(title: str, permission: str, course: Course, now: datetime) -> Card:
    """Return a card with the last hour and the last day of one kind of work, and charts by the hour."""
    lines = (_span_line("Last hour", course.last_hour), _span_line("Last day", course.day))
    if sum(span != Span() for span in course.hours) < LEAST_CHARTED_HOURS:
        return Card(title, permission, lines)
    return Card(title, permission, lines, charts=(_count_chart(course, now), _duration_chart(course, now)))


def _span_line(name: str, span: Span) -> CardLine:
    if span == Span():
        return CardLine(name, "none", "nothing ended")
    counts = ((span.made, "made"), (span.failed, "failed"), (span.refused, "refused"))
    said = [f"{count:,} {word}" for count, word in counts if count]
    if span.p50 is not None and span.p95 is not None:
        said.append(f"p50 {span.p50:,.1f} s, p95 {span.p95:,.1f} s")
    share = span.share
    if share is None:
        return CardLine(name, "none", ", ".join(said))
    colour = "success" if share >= 0.95 else "warning" if share >= 0.8 else "danger"
    return CardLine(name, f"{share:.0%}", ", ".join(said), colour)


def _labels(now: datetime) -> list[str]:
    """Return when each hour began."""
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
    """Return the card of the clusters that were seen within a day, with the number of live ones."""
    fresh = now - timedelta(seconds=MACHINE_FRESH_SECONDS)
    machines = list(Machine.objects.filter(seen_at__gte=now - timedelta(days=1)).order_by("-seen_at")[:10])
    live_count = sum(machine.seen_at >= fresh for machine in machines)
    state = CardLine(
        "Live", f"{live_count}", "" if live_count else "start a worker", "success" if live_count else "danger"
    )
    return [Card("Machines", "creator.view_runner", lines=(state, *(_machine_line(one, now) for one in machines)))]


def _machine_line(machine: Machine, now: datetime) -> CardLine:
    host = "" if machine.host == machine.machine_id else f"on {machine.host}, "
    problem = f": {machine.problem}" if machine.problem else ""
    return CardLine(machine.machine_id, "", f"{host}heard of {timesince(machine.seen_at, now)} ago{problem}")
