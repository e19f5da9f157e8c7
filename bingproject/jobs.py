"""Jobs of the project itself: the canary, alerts, and pruning."""

from __future__ import annotations

from django.utils import timezone

from bingproject.alerts import causes
from bingproject.cluster import heartbeat
from bingproject.cluster.brokers import drop_abandoned_queues
from bingproject.cluster.database_identity import prune_records


def canary(number: int) -> str:
    """Record that a job arrived from the queue at a worker."""
    if beat := heartbeat.current():
        beat.mark_canary_run(number)
    return f"canary {number}"


def prune_queue_records() -> str:
    """Delete old rows of jobs, log-ins, machines and alerts."""
    return f"{prune_records()} old records deleted"


def prune_queues() -> str:
    """Drop the queued jobs of machines that are gone."""
    return f"{drop_abandoned_queues(timezone.now())} abandoned jobs dropped"


def tell_alerts() -> str:
    """Find what needs an operator, and notify them."""
    return f"{causes.review(timezone.now())} alerts told"
