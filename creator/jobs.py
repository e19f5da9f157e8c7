"""Jobs of the queue: idempotent, since a job can be lost or run twice; the rows say what remains to be done."""

import uvloop
from django.utils import timezone
from django_q.tasks import async_task

from bingproject.cluster.stop_flag import is_stopping
from creator import services
from creator.engine.runner import run_slice


def drive() -> str:
    """Run this machine's tasks for one slice, then queue the next slice."""
    outcome = uvloop.run(run_slice())
    if outcome == "handed over" and not is_stopping():
        async_task("creator.jobs.drive")
    return outcome


def prune_tasks() -> str:
    """Delete finished tasks older than `TASK_RETENTION_DAYS`."""
    return f"{services.prune_tasks(timezone.now())} tasks pruned"
