"""The queue's own pages, read-only, and operators' log-ins, all in the admin's theme.

Schedules have no page: their form would run any dotted path.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

SHOWN_RESULT_CHARACTERS = 200


class QueueRecordAdmin(ModelAdmin):
    """Rows that machines write: to be looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the queue adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only the queue changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only the queue deletes."""
        return False


class FinishedJobAdmin(QueueRecordAdmin):
    """Jobs that have run: what they were and the line they returned."""

    list_display = ("name", "func", "cluster", "started", "stopped", "time_taken", "short_result")
    list_filter = ("func", "cluster")
    search_fields = ("name", "func")
    fields = ("id", "name", "func", "cluster", "started", "stopped", "time_taken", "attempt_count", "short_result")

    @display(description="seconds")
    def time_taken(self, job: Any) -> float:
        """How long it ran."""
        return round(float(job.time_taken()), 3)

    @display(description="result")
    def short_result(self, job: Any) -> str:
        """The beginning of what it returned or raised."""
        return str(job.result)[:SHOWN_RESULT_CHARACTERS]


class QueuedJobAdmin(QueueRecordAdmin):
    """Jobs that wait for a worker."""

    list_display = ("id", "key", "name", "func", "lock")
    list_filter = ("key",)
    fields = ("key", "lock", "task_id", "name", "func")


class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # no parameter at run time
    """Operators who may log in here; whitelisted users of the API are another table."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups of operators with their permissions."""


# The packages registered their own pages first: ours come later in INSTALLED_APPS. With Redis there is no OrmQ page.
for model, page in (
    (Success, FinishedJobAdmin),
    (Failure, FinishedJobAdmin),
    (OrmQ, QueuedJobAdmin),
    (User, UserAdmin),
    (Group, GroupAdmin),
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
        admin.site.register(model, page)
admin.site.unregister(Schedule)
