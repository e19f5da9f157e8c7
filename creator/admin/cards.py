"""The creator's cards on the dashboard."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince

from bingproject.dashboard import Card, Line, course_card
from bingproject.rates import Course
from creator.admin.story import LINK_CLASSES
from creator.models import Kind, Task
from creator.services import figures

VIEW = "creator.view_task"
SHOWN_FAILURES = SHOWN_HOLDERS = 8
SHOWN_PROMPT_CHARACTERS = 50
LONG_WAIT_SECONDS = 300


def work_cards(now: datetime) -> list[Card]:
    """How pictures and videos go."""
    courses = figures.read_work(now)
    titles = ((Kind.IMAGE, "Pictures"), (Kind.VIDEO, "Videos"))
    return [course_card(title, VIEW, courses.get(kind, Course()), now) for kind, title in titles]


def queue_cards(now: datetime) -> list[Card]:
    """What waits and how long, and who carries what is at Bing."""
    lines = []
    for queue in figures.read_queues():
        waited = (now - queue.oldest_at).total_seconds() if queue.oldest_at else 0.0
        oldest = f"the oldest for {timesince(queue.oldest_at, now)}; " if queue.oldest_at else ""
        colour = "success" if not queue.waiting else "danger" if waited > LONG_WAIT_SECONDS else "info"
        note = f"waiting; {oldest}{queue.at_bing:,} at Bing"
        lines.append(Line(f"{Kind(queue.kind).label}s", f"{queue.waiting:,}", note, colour))
    lines += [Line(f"Runner on {machine}", f"{count:,}", "tasks") for machine, count in figures.live_runners(now)]
    return [Card("Queue", VIEW, lines=lines)]


def failure_cards(now: datetime) -> list[Card]:
    """What failed last, each with a link to its story."""
    rows = [_failure(task, now) for task in figures.newest_failures(SHOWN_FAILURES)]
    headers = ("error", "when", "prompt", "account")
    return [Card("Failed last", VIEW, headers=headers, rows=rows, empty="Nothing has failed.", is_wide=True)]


def _failure(task: Task, now: datetime) -> tuple[str, ...]:
    address = reverse("admin:creator_task_change", args=[task.pk])
    link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, task.error_code)
    ended = f"{timesince(task.finished_at or task.created_at, now)} ago"
    return link, ended, task.prompt[:SHOWN_PROMPT_CHARACTERS], str(task.account or "none")


def holder_cards(now: datetime) -> list[Card]:
    """Who asks for most today."""
    lines = [_holder(*found) for found in figures.busiest_holders(now, SHOWN_HOLDERS)]
    return [Card("Most pictures and videos today", VIEW, lines=lines, empty="" if lines else "Nobody has asked yet.")]


def _holder(holder: str, images: int, videos: int) -> Line:
    user = "open" if holder == "open" else holder.removeprefix("user:")
    address = f"{reverse('admin:creator_task_changelist')}?{urlencode({'user': user})}"
    name = "no key" if holder == "open" else user
    link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, name)
    counts = ((images, "image"), (videos, "video"))
    return Line(link, "", ", ".join(f"{count:,} {word}{pluralize(count)}" for count, word in counts if count))
