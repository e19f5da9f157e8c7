"""Rows of the project itself: installation, periodic work, live processes, alerts, second factors, the audit log.

Methods change one row; they use neither the queue nor the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import models
from django_otp.models import Device, ThrottlingMixin

from bingproject.database.text_fields import SafeCharField, SafeJSONField
from bingproject.security.encryption import EncryptedTextField

# A cluster renews its row every 5 s, and one that hangs is replaced within 20 s.
MACHINE_FRESH_SECONDS = 20


class Installation(models.Model):
    """The single row that says which keys encrypted this database, and whether it belongs to the sandbox."""

    ONLY_ID: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY_ID, editable=False)
    is_sandbox = models.BooleanField("belongs to the sandbox")
    # Fingerprints of the keys that something may be encrypted with; never the keys.
    seal_keys = SafeJSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation_row")]

    def __str__(self) -> str:
        return "sandbox" if self.is_sandbox else "real"


class PeriodicQuerySet(models.QuerySet["Periodic"]):
    """Periodic jobs."""

    def plan(self, every_seconds: Mapping[str, float], now: datetime) -> None:
        """Create a row for each job, due at once; existing rows keep their time."""
        self.bulk_create([Periodic(name=name, due_at=now) for name in every_seconds], ignore_conflicts=True)

    def claim_due(self, every_seconds: Mapping[str, float], now: datetime) -> list[str]:
        """Return the due jobs that no other machine has claimed: each runs once in the whole installation."""
        due = self.filter(name__in=every_seconds, due_at__lte=now).values_list("name", flat=True)
        return [name for name in due if self._claim(name, now + timedelta(seconds=every_seconds[name]), now)]

    def _claim(self, name: str, next_at: datetime, now: datetime) -> bool:
        return bool(self.filter(name=name, due_at__lte=now).update(due_at=next_at))


class Periodic(models.Model):
    """When a periodic job is due next."""

    name = SafeCharField(primary_key=True, max_length=200)
    due_at = models.DateTimeField()

    objects = PeriodicQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["due_at"]
        verbose_name_plural = "periodic work"

    def __str__(self) -> str:
        return self.name


class LiveProcess(models.Model):
    """A web process or a cluster: which one, which seal keys it can decrypt with, when it was last seen.

    Each renews its row every few seconds and deletes it when it stops. The row of a cluster that died stays for the
    dashboard until that cluster starts again, or for MACHINE_ROW_DAYS.
    """

    WEB: ClassVar[str] = "web"
    CLUSTER: ClassVar[str] = "cluster"

    # Not the machine_id: two clusters that share one by mistake must be told apart.
    process = SafeCharField(primary_key=True, max_length=160)
    role = SafeCharField(max_length=8)
    machine_id = SafeCharField(max_length=120, db_index=True)
    host = SafeCharField(max_length=120)
    pid = models.PositiveIntegerField()
    # Fingerprints, newest first; never the keys.
    seal_keys = SafeJSONField(default=list)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    problem = SafeCharField(max_length=300, cuts=True, default="", blank=True)

    class Meta:
        ordering: ClassVar = ["role", "machine_id", "started_at"]
        verbose_name_plural = "live processes"

    def __str__(self) -> str:
        return f"{self.role} {self.process}"


class MachineQuerySet(models.QuerySet["Machine"]):
    """Clusters by when they were last seen."""

    def live(self, now: datetime) -> MachineQuerySet:
        """Return those seen within MACHINE_FRESH_SECONDS."""
        return self.filter(seen_at__gte=now - timedelta(seconds=MACHINE_FRESH_SECONDS))


class MachineManager(models.Manager["Machine"]):
    """The rows of clusters alone."""

    def get_queryset(self) -> MachineQuerySet:
        """Leave out web processes."""
        return MachineQuerySet(self.model, using=self._db).filter(role=LiveProcess.CLUSTER)

    def live(self, now: datetime) -> MachineQuerySet:
        """As the query set's."""
        return self.get_queryset().live(now)


class Machine(LiveProcess):
    """A cluster. Two live rows of one `machine_id` are an operator's mistake: they would share a queue."""

    objects: ClassVar = MachineManager()

    class Meta:
        proxy = True

    def __str__(self) -> str:
        return f"{self.machine_id} ({self.host}, process {self.pid})"


class Alert(models.Model):
    """Something that an operator should know: one row per cause, notified at most once an hour."""

    cause = SafeCharField(primary_key=True, max_length=200)
    summary = SafeCharField(max_length=300, cuts=True)
    what_to_do = SafeCharField("what to do", max_length=500, cuts=True, default="")
    began_at = models.DateTimeField("began")
    seen_at = models.DateTimeField("last seen")
    ended_at = models.DateTimeField("ended", null=True)
    notified_at = models.DateTimeField("last notified", null=True)
    notification_count = models.PositiveIntegerField("notifications", default=0)
    last_error = SafeCharField("notification error", max_length=300, cuts=True, default="")

    class Meta:
        ordering: ClassVar = ["-began_at"]

    def __str__(self) -> str:
        return self.summary


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc]  # the package is untyped
    """An operator's second factor: a key shared with an app that shows a new code every half minute.

    `security.second_factor` has the rules for codes. django-otp's columns are the owner, whether the first code was
    entered, and the pauses after wrong codes.
    """

    encrypted_key = EncryptedTextField(editable=False)
    # The half minute of the last accepted code, so that no code works twice.
    last_step = models.BigIntegerField(default=-1, editable=False)

    class Meta:
        verbose_name = "second factor"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed=True), name="one_second_factor_per_operator"
            )
        ]

    def get_throttle_factor(self) -> float:
        """Return the seconds to wait after the first wrong code; each further one doubles them."""
        return 1.0


class RecoveryCode(models.Model):
    """A code to use when the second factor is lost. Only its hash is stored, and it is deleted when used."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = SafeCharField(max_length=64, unique=True, editable=False)

    def __str__(self) -> str:
        return f"a recovery code of {self.user_id}"


class Record(LogEntry):
    """Django's log of what operators did, with a page and a permission of its own."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        ordering: ClassVar = ["-id"]
        verbose_name = "record entry"
        verbose_name_plural = "record entries"
