"""Rows and querysets of tasks, their results, and the runners that work on them.

The task row is the record of what remains to be done, and it reserves the slot of its account: an account's load is the
number of its rows that may still run at Bing. Neither the queue nor the network is asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import connection, models
from django.db.models import Q
from django.utils.functional import cached_property

from accounts.models import Account
from bingproject.database.text_fields import SafeCharField, SafeJSONField, SafeTextField


class Kind(models.TextChoices):
    """What a task makes."""

    IMAGE = "image", "Image"
    VIDEO = "video", "Video"


class State(models.TextChoices):
    """State of a task; docs/architecture.md has the diagram."""

    QUEUED = "queued", "Queued"
    SUBMITTING = "submitting", "Submitting"
    UNCERTAIN = "uncertain", "Uncertain"
    POLLING = "polling", "Polling"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"


# No queued task is delayed for longer: this is twice the longest Retry-After of Bing's that a task waits for.
LONGEST_DELAY = timedelta(minutes=1)
AT_BING = (State.SUBMITTING, State.UNCERTAIN, State.POLLING)
OPEN = (State.QUEUED, *AT_BING)
SHOWN_PROMPT_CHARACTERS = 60
FINISHED = (State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED)


class TaskQuerySet(models.QuerySet["Task"]):
    """Queries about many tasks."""

    def unfinished(self) -> TaskQuerySet:
        """Return tasks that are queued or at Bing."""
        return self.filter(state__in=OPEN)

    def due(self, now: datetime) -> TaskQuerySet:
        """Return queued tasks that may be given an account now."""
        # A delay longer than any that is ever set was written by a clock that ran ahead: it does not count.
        is_delayed = Q(next_at__gt=now, next_at__lte=now + LONGEST_DELAY)
        return self.filter(state=State.QUEUED).exclude(is_delayed)

    def loading(self, now: datetime) -> TaskQuerySet:
        """Return tasks that may still run at Bing, so that they take a slot of their account."""
        return self.filter(Q(state__in=AT_BING) | Q(state__in=FINISHED, slot_until__gt=now))

    def lock_ids(self, most: int | None = None) -> list[uuid.UUID]:
        """Lock at most `most` rows and return their ids, so that a change and its timeline steps concern the same rows.

        Call it in a transaction. On SQLite that has the only write lock; on PostgreSQL rows that another transaction
        has locked are left out.
        """
        rows = self.select_for_update(skip_locked=True) if connection.vendor == "postgresql" else self
        return list(rows.order_by("pk").values_list("pk", flat=True)[:most])

    def orphaned(self) -> TaskQuerySet:
        """Return tasks that are at Bing but belong to no live runner."""
        return self.filter(state__in=AT_BING).filter(Q(runner=None) | ~Q(runner__in=Runner.objects.values("id")))


class Task(models.Model):
    """A caller's request for one image generation or one video."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = SafeCharField(max_length=8, choices=Kind, default=Kind.IMAGE)
    prompt = SafeTextField()
    model = SafeCharField(max_length=16, default="DALLE")
    aspect = SafeCharField(max_length=16, default="SQUARE")
    speed = SafeCharField(max_length=8, default="auto")
    lane = SafeCharField(max_length=8, default="", blank=True)
    # "open", "user:<id>" or "operator:<name>". With route and body hash it recognises repeats of a request.
    caller_id = SafeCharField(max_length=120)
    route = SafeCharField(max_length=40, default="")
    body_hash = SafeCharField(max_length=64, default="")
    batch = models.UUIDField(default=uuid.uuid4)
    batch_index = models.PositiveSmallIntegerField(default=0)
    # The UTC day whose quota this counts against; NULL if it counts against none or was given back.
    counted_on = models.DateField(null=True)
    # When a caller was answered without the result, or left before it was there: a repeat soon after joins the task.
    unserved_at = models.DateTimeField(null=True)
    # The ended task that an operator retried with this one.
    retry_of = models.UUIDField(null=True)

    state = SafeCharField(max_length=12, choices=State, default=State.QUEUED)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="tasks")
    # The runner's id without a foreign key: a runner's row may go while its tasks wait to be adopted. NULL means that
    # no runner owns the task.
    runner: models.CharField[str | None, str | None] = SafeCharField(max_length=120, null=True)  # type: ignore[misc]
    cancel_requested = models.BooleanField(default=False)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    retry_count = models.PositiveSmallIntegerField(default=0)
    tried_accounts = SafeJSONField(default=list, blank=True)
    next_at = models.DateTimeField()
    submit_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    slot_until = models.DateTimeField(null=True)
    request_id = SafeCharField(max_length=200, default="")

    revised_prompt = SafeTextField(default="")
    video_url = SafeCharField(max_length=2000, default="")
    error_code = SafeCharField(max_length=40, default="")
    error_message = SafeCharField(max_length=500, default="", cuts=True)
    error_detail = SafeTextField(default="")
    retry_after_seconds = models.FloatField(null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["state", "kind", "next_at"], name="task_state_kind_next"),
            models.Index(fields=["account", "kind", "state"], name="task_account_kind_state"),
            models.Index(fields=["runner", "state"], name="task_runner_state"),
            models.Index(fields=["caller_id", "created_at", "id"], name="task_caller_created"),
            models.Index(fields=["caller_id", "state"], name="task_caller_state"),
            models.Index(fields=["batch"], name="task_batch"),
            models.Index(fields=["caller_id", "body_hash", "created_at"], name="task_caller_body"),
            models.Index(fields=["created_at", "id"], name="task_created"),
            # Partial indexes for the admin's rarer filters, which stay small among millions of rows; the indexes above
            # serve its other filters.
            models.Index(
                fields=["model", "-created_at", "-id"], name="task_model_created", condition=~Q(model="DALLE")
            ),
            models.Index(
                fields=["error_code", "-created_at", "-id"], name="task_error_created", condition=~Q(error_code="")
            ),
            models.Index(fields=["request_id"], name="task_request_id", condition=~Q(request_id="")),
            models.Index(fields=["retry_of"], name="task_retry_of", condition=Q(retry_of__isnull=False)),
            models.Index(fields=["slot_until"], name="task_slot", condition=Q(slot_until__isnull=False)),
        ]

    def __str__(self) -> str:
        text = " ".join(self.prompt[: SHOWN_PROMPT_CHARACTERS + 1].split())
        return f"{text[:SHOWN_PROMPT_CHARACTERS]}…" if len(text) > SHOWN_PROMPT_CHARACTERS else text or str(self.id)

    @cached_property
    def image_urls(self) -> list[str]:
        """URLs of the pictures in Bing's order; one query, unless `read_pictures` has set them."""
        return urls_of([self.pk]).get(self.pk, [])

    @property
    def is_finished(self) -> bool:
        """True if no later step changes the state."""
        return self.state in FINISHED

    @property
    def status(self) -> str:
        """The state in the words of the public contract: `processing`, `completed` or `failed`."""
        if self.state == State.COMPLETED:
            return "completed"
        return "failed" if self.is_finished else "processing"


class Result(models.Model):
    """One picture of a task: its URL at Bing, valid only as long as Bing keeps the file."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="results")
    index = models.PositiveSmallIntegerField()
    url = SafeCharField(max_length=2000)

    class Meta:
        ordering: ClassVar = ["index"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "index"], name="one_result_per_index")]

    def __str__(self) -> str:
        return str(self.url)


def urls_of(task_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the picture URLs of many tasks in one query, in Bing's order."""
    # Bare rows, because building model objects costs ten times the query.
    found: dict[uuid.UUID, list[str]] = {}
    if not task_ids:
        return found
    # The keys in the database's own form, since raw SQL bypasses the field (SQLite stores a UUID as hex digits).
    key, marks = Task._meta.pk, ", ".join(["%s"] * len(task_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT task_id, url FROM creator_result WHERE task_id IN ({marks}) ORDER BY task_id, "index"',
            [key.get_db_prep_value(task_id, connection) for task_id in task_ids],
        )
        for task_id, url in cursor.fetchall():
            found.setdefault(key.to_python(task_id), []).append(url)
    return found


def read_rows(task_ids: Sequence[uuid.UUID]) -> list[Task]:
    """Return tasks with their pictures, in no particular order."""
    # Two queries of fixed text, because building a query costs more than running it.
    if not task_ids:
        return []
    marks = ", ".join(["%s"] * len(task_ids))
    prepared = [Task._meta.pk.get_db_prep_value(task_id, connection) for task_id in task_ids]
    return read_pictures(list(Task.objects.raw(f"SELECT * FROM creator_task WHERE id IN ({marks})", prepared)))


def read_pictures(tasks: list[Task]) -> list[Task]:
    """Set `image_urls` on all tasks with one query, and return them."""
    urls = urls_of([task.pk for task in tasks if task.state == State.COMPLETED])
    for task in tasks:
        task.image_urls = urls.get(task.pk, [])
    return tasks


class EventKind(models.TextChoices):
    """Kind of a step in a task's timeline; not the column's choices, so that a new kind needs no migration."""

    ACCEPTED = "accepted", "Requested"
    CLAIMED = "claimed", "Given to an account"
    SUBMITTED = "submitted", "Accepted by Bing"
    WAITING = "waiting", "Not ready yet"
    TROUBLE = "trouble", "A poll failed"
    REQUEUED = "requeued", "Back in the queue"
    UNCERTAIN = "uncertain", "Sent, no answer"
    ADOPTED = "adopted", "Taken over"
    CANCEL_WISHED = "cancel_wished", "Cancellation requested"
    CANCELLED = "cancelled", "Cancelled"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    RETRIED = "retried", "Tried again"


class TaskEvent(models.Model):
    """One step of a task's timeline, for operators; written in the transaction that takes the step."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = SafeCharField(max_length=16)
    text = SafeCharField(max_length=500, default="", cuts=True)
    account_name = SafeCharField(max_length=100, default="", cuts=True)
    request_id = SafeCharField(max_length=200, default="", cuts=True)

    class Meta:
        ordering: ClassVar = ["id"]  # not by time: clocks of machines differ by more than the time between two steps

    def __str__(self) -> str:
        return f"{self.task_id} {self.kind}"


class IdempotencyKey(models.Model):
    """A caller's Idempotency-Key of one request: the same key and body return the same tasks for 24 hours."""

    caller_id = SafeCharField(max_length=120)
    route = SafeCharField(max_length=40)
    key = SafeCharField(max_length=255)
    body_hash = SafeCharField(max_length=64)
    batch = models.UUIDField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller_id", "route", "key"], name="one_request_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"


class Runner(models.Model):
    """The lease of one running loop. A task belongs to its runner only while this row exists."""

    id = SafeCharField(primary_key=True, max_length=120)
    machine = SafeCharField(max_length=120)
    slot = SafeCharField(max_length=120, unique=True)
    lease_until = models.DateTimeField()
    started_at = models.DateTimeField()
    task_count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.id


class DatabaseMark(models.Model):
    """A single row with the number of a table in this database, by which a restored PostgreSQL dump is recognised."""

    table_number = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.table_number)
