"""The queue's front doors of the project itself: a sign of life, alerts, and clearing what is left behind."""

from __future__ import annotations

from django.utils import timezone

from bingproject import alerts, pulse
from bingproject.brokers import drop_abandoned_queues
from bingproject.installation import prune_records


def canary(number: int) -> str:
    """Show that a job comes from the queue to a worker."""
    if signs := pulse.current():
        signs.mark_canary_run(number)
    return f"canary {number}"


def prune_queue_records() -> str:
    """Delete old results of jobs, and log-ins that have expired."""
    return f"{prune_records()} old records deleted"


def prune_queues() -> str:
    """Drop the jobs of machines that are gone."""
    return f"{drop_abandoned_queues(timezone.now())} abandoned jobs dropped"


def tell_alerts() -> str:
    """Note what needs an operator, and tell it."""
    return f"{alerts.review(timezone.now())} alerts told"
