"""What the creator does: take tasks in, claim them, deal with Bing, record what came of it."""

from creator.services.checks import check_images, check_videos
from creator.services.claims import has_live_runner, needs_runner
from creator.services.condition import Condition, read_condition
from creator.services.intake import Intake, Origin, Wish, cancel_task, create_task, find_task, list_tasks
from creator.services.loads import count_in_flight
from creator.services.media import fetch_images
from creator.services.outcomes import failure_of, read_tasks, withdraw_tasks
from creator.services.records import prune_tasks

__all__ = [
    "Condition",
    "Intake",
    "Origin",
    "Wish",
    "cancel_task",
    "check_images",
    "check_videos",
    "count_in_flight",
    "create_task",
    "failure_of",
    "fetch_images",
    "find_task",
    "has_live_runner",
    "list_tasks",
    "needs_runner",
    "prune_tasks",
    "read_condition",
    "read_tasks",
    "withdraw_tasks",
]
