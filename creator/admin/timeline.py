"""A task's timeline as its page shows it: each step with its time, account and request id."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html

from creator.models import EventKind, State, Task

LINK_CLASSES = "text-primary-600 dark:text-primary-500"
STATE_COLOURS = {
    State.QUEUED: "info",
    State.SUBMITTING: "info",
    State.POLLING: "info",
    State.UNCERTAIN: "warning",
    State.COMPLETED: "success",
    State.FAILED: "danger",
    State.EXPIRED: "danger",
}
COLOURS = {
    EventKind.COMPLETED: "success",
    EventKind.FAILED: "danger",
    EventKind.EXPIRED: "danger",
    EventKind.TROUBLE: "warning",
    EventKind.UNCERTAIN: "warning",
    EventKind.REQUEUED: "warning",
    EventKind.CANCELLED: "warning",
    EventKind.CANCEL_WISHED: "warning",
}


def show_timeline(task: Task) -> str:
    """Return the steps as HTML, in the order in which they were written."""
    # Kinds of a later version have no label here: machines of two versions run together during an upgrade.
    steps = [
        {
            "event": event,
            "name": EventKind(event.kind).label if event.kind in EventKind.values else event.kind,
            "colour": COLOURS.get(EventKind(event.kind), "info") if event.kind in EventKind.values else "default",
            "after": after(event.at - task.created_at),
        }
        for event in task.events.all()
    ]
    return render_to_string("creator/admin/timeline.html", {"steps": steps, "is_finished": task.is_finished})


def after(passed: timedelta) -> str:
    """Format the time since the request, for example `+3.2 s` or `+1 h 5 min`."""
    seconds = max(0.0, passed.total_seconds())
    if seconds < 60:
        return f"+{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours} h {minutes} min" if hours else f"+{minutes} min {rest} s"


def task_link(task_id: uuid.UUID) -> str:
    """Return a link to a task's page."""
    address = reverse("admin:creator_task_change", args=[task_id])
    return format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, task_id)
