"""The creator's cards on the dashboard."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.template.defaultfilters import pluralize
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince

from bingproject.database.statistics import Course
from bingproject.operators.dashboard import Card, CardLine, Link, course_card
from creator.admin.columns import caller_link
from creator.admin.pictures import pictures_of
from creator.admin.timeline import LINK_CLASSES
from creator.models import Kind, State, Task
from creator.services import statistics

VIEW = "creator.view_task"
SHOWN_FAILURES = SHOWN_CALLERS = SHOWN_PICTURES = 8
SHOWN_DAYS = 7  # a limit, because the newest pictures would else be sought among a long run of failed tasks
SHOWN_PROMPT_CHARACTERS = 50
LONG_WAIT_SECONDS = 300  # from here on the queue is red: there are too few accounts, or no worker


def work_cards(now: datetime) -> list[Card]:
    """Return one card per kind: made, failed and refused tasks, and how long they took."""
    courses = statistics.read_work(now)
    titles = ((Kind.IMAGE, "Pictures"), (Kind.VIDEO, "Videos"))
    return [course_card(title, VIEW, courses.get(kind, Course()), now) for kind, title in titles]


def latest_cards(now: datetime) -> list[Card]:
    """Return the card of the newest pictures, each a link to its task."""
    since = now - timedelta(days=SHOWN_DAYS)
    done = Task.objects.filter(kind=Kind.IMAGE, state=State.COMPLETED, created_at__gte=since)
    tasks = done.order_by("-created_at", "-id").prefetch_related("results")[:SHOWN_PICTURES]
    pictures = [picture for task in tasks for picture in pictures_of(task)][:SHOWN_PICTURES]
    content = render_to_string("creator/admin/latest.html", {"pictures": pictures}) if pictures else ""
    links = (
        Link("Make a picture", reverse("admin:creator_task_add"), "creator.add_task"),
        Link("All pictures", reverse("admin:creator_task_gallery"), VIEW),
    )
    empty = "" if pictures else f"None in the last {SHOWN_DAYS} days."
    return [Card("Latest pictures", VIEW, content=content, empty=empty, links=links, is_wide=True)]


def queue_cards(now: datetime) -> list[Card]:
    """Return the card of waiting tasks, of tasks at Bing, and of the runners that work on them."""
    lines = []
    for queue in statistics.read_queues():
        waited = (now - queue.oldest_at).total_seconds() if queue.oldest_at else 0.0
        oldest = f"the oldest for {timesince(queue.oldest_at, now)}; " if queue.oldest_at else ""
        colour = "success" if not queue.waiting else "danger" if waited > LONG_WAIT_SECONDS else "info"
        note = f"waiting; {oldest}{queue.at_bing:,} at Bing"
        lines.append(CardLine(f"{Kind(queue.kind).label}s", f"{queue.waiting:,}", note, colour))
    lines += [
        CardLine(f"Runner on {machine}", f"{count:,}", "tasks") for machine, count in statistics.live_runners(now)
    ]
    return [Card("Queue", VIEW, lines=lines)]


def failure_cards(now: datetime) -> list[Card]:
    """Return the card of the newest failures, each with a link to its task."""
    rows = [_failure(task, now) for task in statistics.newest_failures(SHOWN_FAILURES)]
    headers = ("error", "when", "prompt", "account")
    return [
        Card(
            "Latest failed pictures and videos",
            VIEW,
            headers=headers,
            rows=rows,
            empty="Nothing has failed.",
            is_wide=True,
        )
    ]


def _failure(task: Task, now: datetime) -> tuple[str, ...]:
    address = reverse("admin:creator_task_change", args=[task.pk])
    link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, task.error_code)
    ended = f"{timesince(task.finished_at or task.created_at, now)} ago"
    return link, ended, task.prompt[:SHOWN_PROMPT_CHARACTERS], str(task.account or "none")


def caller_cards(now: datetime) -> list[Card]:
    """Return the card of the callers with the most tasks today."""
    lines = [_caller_line(*found) for found in statistics.busiest_callers(now, SHOWN_CALLERS)]
    return [Card("Most pictures and videos today", VIEW, lines=lines, empty="" if lines else "No requests today.")]


def _caller_line(caller_id: str, images: int, videos: int) -> CardLine:
    counts = ((images, "image"), (videos, "video"))
    return CardLine(
        caller_link(caller_id), "", ", ".join(f"{count:,} {word}{pluralize(count)}" for count, word in counts if count)
    )
