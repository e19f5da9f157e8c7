"""The creator's decisions: create tasks, claim them, exchange requests with Bing, and apply the outcomes."""

from creator.services.alerts import find_alert_causes
from creator.services.checks import check_images, check_videos
from creator.services.claims import has_live_runner, needs_runner
from creator.services.in_flight import count_in_flight
from creator.services.media import fetch_images
from creator.services.restores import back_up_sqlite, cancel_queued
from creator.services.retention import prune_tasks
from creator.services.retry import retry_task
from creator.services.search import retries_of, search_tasks
from creator.services.status import CreatorStatus, read_status
from creator.services.task_creation import (
    GenerationRequest,
    TaskBatch,
    TaskOrigin,
    cancel_task,
    create_task,
    find_task,
    list_tasks,
    note_unserved,
)
from creator.services.task_results import failure_of, read_tasks, withdraw_tasks

__all__ = [
    "CreatorStatus",
    "GenerationRequest",
    "TaskBatch",
    "TaskOrigin",
    "back_up_sqlite",
    "cancel_queued",
    "cancel_task",
    "check_images",
    "check_videos",
    "count_in_flight",
    "create_task",
    "failure_of",
    "fetch_images",
    "find_alert_causes",
    "find_task",
    "has_live_runner",
    "list_tasks",
    "needs_runner",
    "note_unserved",
    "prune_tasks",
    "read_status",
    "read_tasks",
    "retries_of",
    "retry_task",
    "search_tasks",
    "withdraw_tasks",
]
