"""The queue's front doors: short, idempotent, each can be made again from rows."""

import uvloop
from django.utils import timezone
from django_q.tasks import async_task

from bingproject.stopping import is_stopping
from creator import services
from creator.runner import run_slice


def drive() -> str:
    """Carry this machine's generations for one slice, then ask for the next one."""
    outcome = uvloop.run(run_slice())
    if outcome == "handed over" and not is_stopping():
        async_task("creator.jobs.drive")
    return outcome


def prune_tasks() -> str:
    """Delete finished tasks that are past their keeping."""
    return f"{services.prune_tasks(timezone.now())} tasks pruned"
