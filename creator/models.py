"""Tasks, their results, and the runners that carry them: rows, querysets, guarded transitions of one row.

The task row is the truth and the lease on an account: an account's load is the number of its rows that may still run at
Bing. Never the queue, never the network.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection, models
from django.db.models import Q
from django.utils.functional import cached_property

from accounts.models import Account


class Kind(models.TextChoices):
    """What is made."""

    IMAGE = "image", "Image"
    VIDEO = "video", "Video"


class State(models.TextChoices):
    """Where a task stands; docs/architecture.md has the diagram."""

    QUEUED = "queued", "Queued"
    SUBMITTING = "submitting", "Submitting"
    UNCERTAIN = "uncertain", "Uncertain"
    POLLING = "polling", "Polling"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"


AT_BING = (State.SUBMITTING, State.UNCERTAIN, State.POLLING)
OPEN = (State.QUEUED, *AT_BING)
SHOWN_PROMPT_CHARACTERS = 60
FINISHED = (State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED)


class TaskQuerySet(models.QuerySet["Task"]):
    """Questions about many tasks."""

    def unfinished(self) -> TaskQuerySet:
        """Neither completed nor given up."""
        return self.filter(state__in=OPEN)

    def due(self, now: datetime) -> TaskQuerySet:
        """Waiting for an account, and no longer resting."""
        return self.filter(state=State.QUEUED, next_at__lte=now)

    def loading(self, now: datetime) -> TaskQuerySet:
        """Those that may still run at Bing, so that their account's slot is taken."""
        return self.filter(Q(state__in=AT_BING) | Q(state__in=FINISHED, slot_until__gt=now))

    def lock_ids(self, most: int | None = None) -> list[uuid.UUID]:
        """The ids of at most so many, so that a write and what is told of it concern the same rows.

        Only within a transaction. SQLite's has the only write lock; PostgreSQL leaves out what others are writing.
        """
        rows = self.select_for_update(skip_locked=True) if connection.vendor == "postgresql" else self
        return list(rows.order_by("pk").values_list("pk", flat=True)[:most])

    def orphaned(self) -> TaskQuerySet:
        """At Bing, but of no runner that lives."""
        return self.filter(state__in=AT_BING).filter(Q(runner=None) | ~Q(runner__in=Runner.objects.values("id")))


class Task(models.Model):
    """One image or video that somebody asked for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.IMAGE)
    prompt = models.TextField()
    model = models.CharField(max_length=16, default="DALLE")
    aspect = models.CharField(max_length=16, default="SQUARE")
    speed = models.CharField(max_length=8, default="auto")
    lane = models.CharField(max_length=8, default="", blank=True)
    # Who asked: "open" or "user:<id>"; what was asked, for repeats of the same request.
    holder = models.CharField(max_length=120)
    route = models.CharField(max_length=40, default="")
    body_hash = models.CharField(max_length=64, default="")
    batch = models.UUIDField(default=uuid.uuid4)
    batch_index = models.PositiveSmallIntegerField(default=0)
    # The UTC day whose quota this counts against; none when it counts against none, or was given back.
    counted_on = models.DateField(null=True)
    # The task that an operator had tried again with this one.
    retry_of = models.UUIDField(null=True)

    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="tasks")
    # The runner's id without a foreign key: a runner's row may go while its tasks wait to be taken over.
    runner = models.CharField(max_length=120, null=True)  # noqa: DJ001 - NULL means "of nobody", as in SQL's NOT IN
    cancel_requested = models.BooleanField(default=False)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    retry_count = models.PositiveSmallIntegerField(default=0)
    tried_accounts = models.JSONField(default=list, blank=True)
    next_at = models.DateTimeField()
    submit_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    slot_until = models.DateTimeField(null=True)
    request_id = models.CharField(max_length=200, default="")

    revised_prompt = models.TextField(default="")
    video_url = models.CharField(max_length=2000, default="")
    error_code = models.CharField(max_length=40, default="")
    error_message = models.CharField(max_length=500, default="")
    error_detail = models.TextField(default="")
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
            models.Index(fields=["holder", "created_at", "id"], name="task_holder_created"),
            models.Index(fields=["holder", "state"], name="task_holder_state"),
            models.Index(fields=["batch"], name="task_batch"),
            models.Index(fields=["holder", "body_hash", "created_at"], name="task_holder_body"),
            models.Index(fields=["created_at", "id"], name="task_created"),
            # For operators, who look for few among very many; the others of their filters are served by those above.
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
        """Its pictures' addresses in Bing's order; one query, unless whoever read the row has read them too."""
        return urls_of([self.pk]).get(self.pk, [])

    @property
    def is_finished(self) -> bool:
        """Nothing will change it any more."""
        return self.state in FINISHED

    @property
    def status(self) -> str:
        """The contract's word for the state."""
        if self.state == State.COMPLETED:
            return "completed"
        return "failed" if self.is_finished else "processing"


class Result(models.Model):
    """One picture of a task: Bing's address, which dies with Bing's copy."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="results")
    index = models.PositiveSmallIntegerField()
    url = models.CharField(max_length=2000)

    class Meta:
        ordering: ClassVar = ["index"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "index"], name="one_result_per_index")]

    def __str__(self) -> str:
        return self.url


def urls_of(task_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """The pictures of many tasks in one query; bare rows, since building models costs ten times the query."""
    found: dict[uuid.UUID, list[str]] = {}
    if not task_ids:
        return found
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
    """Tasks and their pictures in two queries of fixed text: building a query costs more than running it."""
    if not task_ids:
        return []
    marks = ", ".join(["%s"] * len(task_ids))
    prepared = [Task._meta.pk.get_db_prep_value(task_id, connection) for task_id in task_ids]
    return read_pictures(list(Task.objects.raw(f"SELECT * FROM creator_task WHERE id IN ({marks})", prepared)))


def read_pictures(tasks: list[Task]) -> list[Task]:
    """The same tasks, knowing their pictures' addresses: one query for all of them."""
    urls = urls_of([task.pk for task in tasks if task.state == State.COMPLETED])
    for task in tasks:
        task.image_urls = urls.get(task.pk, [])
    return tasks


class EventKind(models.TextChoices):
    """A step of a task's story; not the column's choices, since the list will grow."""

    ACCEPTED = "accepted", "Asked for"
    CLAIMED = "claimed", "Given to an account"
    SUBMITTED = "submitted", "Taken by Bing"
    WAITING = "waiting", "Not ready yet"
    TROUBLE = "trouble", "A look failed"
    REQUEUED = "requeued", "Back in the queue"
    UNCERTAIN = "uncertain", "Sent, no answer"
    ADOPTED = "adopted", "Taken over"
    CANCEL_WISHED = "cancel_wished", "To be cancelled"
    CANCELLED = "cancelled", "Cancelled"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Given up"
    RETRIED = "retried", "Tried again"


class TaskEvent(models.Model):
    """One step of a task's story, for operators: written in the transaction that makes the step."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16)
    text = models.CharField(max_length=500, default="")
    account_name = models.CharField(max_length=100, default="")
    request_id = models.CharField(max_length=200, default="")

    class Meta:
        ordering: ClassVar = ["id"]  # as they were written: machines' clocks differ by more than steps may

    def __str__(self) -> str:
        return f"{self.task_id} {self.kind}"


class IdempotencyKey(models.Model):
    """A key a caller chose for one request: the same key and body give the same tasks for 24 h."""

    holder = models.CharField(max_length=120)
    route = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    batch = models.UUIDField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["holder", "route", "key"], name="one_request_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"


class Runner(models.Model):
    """The lease of one running loop; a task belongs to a runner only as long as this row lives."""

    id = models.CharField(primary_key=True, max_length=120)
    machine = models.CharField(max_length=120)
    slot = models.CharField(max_length=120, unique=True)
    lease_until = models.DateTimeField()
    started_at = models.DateTimeField()
    task_count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.id


def transition(task_id: uuid.UUID, owner: str, expected: tuple[str, ...], changes: Mapping[str, Any]) -> bool:
    """Change one row only if it still is this runner's and in an expected state; whether it was.

    Every write of a runner goes through this guard, so that one that lost its lease cannot undo what another did.
    """
    return bool(Task.objects.filter(pk=task_id, runner=owner, state__in=expected).update(**changes))
