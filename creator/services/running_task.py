"""A task that a runner works on: the claim on its row, and its state in memory."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from creator.models import EventKind, Kind, Task
from creator.protocol import Order
from creator.services.events import Step, log_steps
from creator.services.poll_log import PollLog


@dataclass(frozen=True, slots=True)
class Claim:
    """A runner's claim on a task's row; runner and attempt guard each of its writes (see `outcomes`)."""

    task_id: uuid.UUID
    kind: str
    runner: str
    attempt: int
    submit_at: datetime
    account_name: str = ""

    def step(self, kind: EventKind, at: datetime, text: str = "", request_id: str = "") -> Step:
        """Return a step of this attempt for the task's timeline."""
        return Step(self.task_id, kind, at, text, self.account_name, request_id)

    def log(self, kind: EventKind, at: datetime, text: str = "", request_id: str = "") -> None:
        """Add a step of this attempt to the task's timeline."""
        log_steps(self.step(kind, at, text, request_id))


@dataclass(slots=True)
class RunningTask:
    """The state of one task in a runner's memory.

    Attributes:
        failure_count: Polls that failed in a row.
        unknown_content: Outline of the last poll's body if it had no known form.
        unknown_count: Polls in a row with that outline.
    """

    claim: Claim
    account_id: int
    prompt: str
    model: str
    aspect: str
    speed: str
    lane: str
    retry_count: int
    tried_accounts: list[int]
    request_id: str
    accepted_at: datetime | None
    deadline_at: datetime
    failure_count: int = 0
    unknown_content: str = ""
    unknown_count: int = 0
    poll_log: PollLog = field(default_factory=PollLog)
    _age_then: float = 0.0
    _counted_from: float = 0.0

    @classmethod
    def of(cls, task: Task) -> RunningTask:
        """Create the state of a claimed or adopted row."""
        return cls(
            claim=Claim(
                task.pk,
                task.kind,
                task.runner or "",
                task.attempt_count,
                task.submit_at or task.created_at,
                task.account.name if task.account else "",
            ),
            account_id=task.account_id or 0,
            prompt=task.prompt,
            model=task.model,
            aspect=task.aspect,
            speed=task.speed,
            lane=task.lane,
            retry_count=task.retry_count,
            tried_accounts=list(task.tried_accounts),
            request_id=task.request_id,
            accepted_at=task.accepted_at,
            deadline_at=task.deadline_at,
        )

    def start_clock(self, now: datetime) -> None:
        """Measure the age from here on by the monotonic clock, which no correction of the time of day moves.

        The age is 0 for a time in the future, which a clock that ran ahead has written.
        """
        began = self.accepted_at or self.claim.submit_at
        self._age_then = max(0.0, (now - began).total_seconds())
        self._counted_from = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """Seconds since Bing accepted the request."""
        return self._age_then + time.monotonic() - self._counted_from

    @property
    def left_seconds(self) -> float:
        """Seconds until the deadline."""
        began = self.accepted_at or self.claim.submit_at
        return (self.deadline_at - began).total_seconds() - self.age_seconds

    def accept(self, request_id: str, now: datetime, deadline_at: datetime) -> None:
        """Continue as a generation that Bing has accepted."""
        self.request_id, self.accepted_at, self.deadline_at = request_id, now, deadline_at
        self.start_clock(now)

    def order(self) -> Order:
        """Return what to request from Bing."""
        return Order(
            kind="video" if self.claim.kind == Kind.VIDEO else "image",
            prompt=self.prompt,
            model=self.model,
            aspect=self.aspect,
            lane="standard" if self.lane == "standard" else "fast",
        )
