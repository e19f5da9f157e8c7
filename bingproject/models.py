"""Rows of the cluster itself: what this database belongs to, which machines live, when periodic work is due.

Transitions of one row; never the queue, never the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import models
from django_otp.models import Device, ThrottlingMixin

from bingproject.seals import SealedTextField

# A cluster writes its row every 5 s and may take 20 s to be replaced when it hangs.
MACHINE_FRESH_SECONDS = 20


class Installation(models.Model):
    """The one row that says which keys sealed this database and whether it belongs to the sandbox."""

    ONLY_ID: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY_ID, editable=False)
    is_sandbox = models.BooleanField("belongs to the sandbox")
    # Fingerprints of the keys that something may be sealed with; never the keys.
    seal_keys = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation_row")]

    def __str__(self) -> str:
        return "sandbox" if self.is_sandbox else "real"


class PeriodicQuerySet(models.QuerySet["Periodic"]):
    """Work that comes back every so many seconds."""

    def plan(self, every_seconds: Mapping[str, float], now: datetime) -> None:
        """Give each named job its row, due at once; rows that exist keep their time."""
        self.bulk_create([Periodic(name=name, due_at=now) for name in every_seconds], ignore_conflicts=True)

    def claim_due(self, every_seconds: Mapping[str, float], now: datetime) -> list[str]:
        """The jobs that are due and that nobody else took first: each is handed out once in the whole installation."""
        due = self.filter(name__in=every_seconds, due_at__lte=now).values_list("name", flat=True)
        return [name for name in due if self._claim(name, now + timedelta(seconds=every_seconds[name]), now)]

    def _claim(self, name: str, next_at: datetime, now: datetime) -> bool:
        return bool(self.filter(name=name, due_at__lte=now).update(due_at=next_at))


class Periodic(models.Model):
    """When a job that comes back is due next."""

    name = models.CharField(primary_key=True, max_length=200)
    due_at = models.DateTimeField()

    objects = PeriodicQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["due_at"]
        verbose_name_plural = "periodic work"

    def __str__(self) -> str:
        return self.name


class MachineQuerySet(models.QuerySet["Machine"]):
    """Clusters by when they were last heard of."""

    def live(self, now: datetime) -> MachineQuerySet:
        """Those heard of just now."""
        return self.filter(seen_at__gte=now - timedelta(seconds=MACHINE_FRESH_SECONDS))


class Machine(models.Model):
    """One running cluster: who it is, since when, when it was last heard of.

    Two rows of one `machine_id` that both live are an operator's mistake: they would share a queue.
    """

    # One row per cluster process, so that two with the same machine_id can be told apart.
    process = models.CharField(primary_key=True, max_length=160)
    machine_id = models.CharField(max_length=120, db_index=True)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    problem = models.CharField(max_length=300, default="", blank=True)

    objects = MachineQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["machine_id", "started_at"]

    def __str__(self) -> str:
        return f"{self.machine_id} ({self.host}, process {self.pid})"


class LiveProcess(models.Model):
    """A web or cluster process that says now and then that it lives, and which seal keys it can open."""

    process = models.CharField(primary_key=True, max_length=160)
    role = models.CharField(max_length=8)  # "web" or "cluster"
    # Fingerprints, newest first; never the keys.
    seal_keys = models.JSONField(default=list)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering: ClassVar = ["role", "started_at"]
        verbose_name_plural = "live processes"

    def __str__(self) -> str:
        return f"{self.role} {self.process}"


class Alert(models.Model):
    """Something an operator should know of: one row per cause, told at most once an hour."""

    cause = models.CharField(primary_key=True, max_length=200)
    summary = models.CharField(max_length=300)
    what_to_do = models.CharField("what to do", max_length=500, default="")
    began_at = models.DateTimeField("began")
    seen_at = models.DateTimeField("last seen")
    ended_at = models.DateTimeField("ended", null=True)
    told_at = models.DateTimeField("last told", null=True)
    told_count = models.PositiveIntegerField("times told", default=0)
    last_error = models.CharField("telling failed with", max_length=300, default="")

    class Meta:
        ordering: ClassVar = ["-began_at"]

    def __str__(self) -> str:
        return self.summary


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc]  # the package is untyped
    """An operator's second factor: a key shared with a program that shows another code every half minute.

    The rules for codes are bingproject.second_factor's; the columns besides are django-otp's: owner, whether the first
    code was seen, and the pauses after wrong ones.
    """

    sealed_key = SealedTextField(editable=False)
    # The half minute of the last code that was taken: none is good twice.
    last_step = models.BigIntegerField(default=-1, editable=False)

    class Meta:
        verbose_name = "second factor"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed=True), name="one_second_factor_per_operator"
            )
        ]

    def get_throttle_factor(self) -> float:
        """Seconds to wait after the first wrong code; twice as long after each further one."""
        return 1.0


class RecoveryCode(models.Model):
    """One code for when the second factor is lost: only its hash is kept, and it is gone once used."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64, unique=True, editable=False)

    def __str__(self) -> str:
        return f"a recovery code of {self.user_id}"


class Record(LogEntry):
    """Django's log of what operators did, as a page of its own with a permission of its own."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        ordering: ClassVar = ["-id"]
        verbose_name = "record entry"
        verbose_name_plural = "record entries"
