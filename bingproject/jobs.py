"""The queue's front doors of the project itself: a sign of life, alerts, and clearing what is left behind."""

from __future__ import annotations

from django.utils import timezone

from bingproject import alerts, pulse
from bingproject.installation import prune_records


def canary(number: int) -> str:
    """Show that a job comes from the queue to a worker."""
    if signs := pulse.current():
        signs.mark_canary_run(number)
    return f"canary {number}"


def prune_queue_records() -> str:
    """Delete old results of jobs, and log-ins that have expired."""
    return f"{prune_records()} old records deleted"


def tell_alerts() -> str:
    """Note what needs an operator, and tell it."""
    return f"{alerts.review(timezone.now())} alerts told"
