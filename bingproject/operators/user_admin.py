"""Pages about log-ins: operators, their groups, locked log-ins, past log-ins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from bingproject.operators.base_admin import LIST_HINT, MachineRowsAdmin, NewestPaginator, RecordedAdmin
from bingproject.security import second_factor


class UserAdmin(DjangoUserAdmin, RecordedAdmin):  # type: ignore[type-arg]  # no parameter at run time
    """Operators. Whitelisted users of the API are in another table."""

    hint = "Operators who may log in to these pages. Callers of the API are whitelisted users."
    list_before_template = LIST_HINT

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    actions = ("remove_second_factor",)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """True for superusers: only they may remove another operator's second factor."""
        return bool(request.user.is_active and request.user.is_superuser)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Protect log-ins with entries in the audit log, which would be deleted with them."""
        to_delete, counts, missing, protected = super().get_deleted_objects(objs, request)
        recorded = set(LogEntry.objects.filter(user__in=objs).values_list("user__username", flat=True))
        stay = [f"The record of what {name} did: make the log-in inactive instead" for name in sorted(recorded)]
        return to_delete, counts, missing, [*protected, *stay]

    @admin.action(description="Remove the second factor", permissions=["reset"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Remove it for operators who lost theirs; the password alone logs them in until they set up another."""
        count = sum(second_factor.remove_of(user) for user in queryset)
        messages.success(request, f"{count} removed.")


class GroupAdmin(DjangoGroupAdmin, RecordedAdmin):
    """Groups of operators with their permissions."""

    hint = (
        "Permissions for several operators at once. viewer may look, operator may act. Each upgrade resets both, so "
        "make a group of your own for anything else."
    )
    list_before_template = LIST_HINT


class LockedLogInAdmin(RecordedAdmin):
    """Failed log-ins that still count, and the locks that they cause."""

    hint = "Log-ins that went wrong just now. Five for one name from one address lock both for a quarter of an hour."
    list_before_template = LIST_HINT
    empty_text = "Nobody has typed a wrong password in the last quarter of an hour."
    list_display = ("state", "username", "ip_address", "failures_since_start", "attempt_time", "until")
    list_display_links = None
    search_fields = ("username", "ip_address")
    actions = ("lift",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessAttempt]:
        """Return the failures that still count."""
        recent = timezone.now() - settings.AXES_COOLOFF_TIME
        rows: QuerySet[AccessAttempt] = super().get_queryset(request)
        return rows.filter(attempt_time__gt=recent)

    def badge(self, request: HttpRequest) -> str:
        """Return how many are locked."""
        limit = settings.AXES_FAILURE_LIMIT
        return str(self.get_queryset(request).filter(failures_since_start__gte=limit).count() or "")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """False: only failed log-ins add rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: there is nothing to change."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out Django's own deletion, since `lift` does it."""
        return {name: entry for name, entry in super().get_actions(request).items() if name != "delete_selected"}

    @display(description="state", label={"Locked": "danger", "Counted": "info"})
    def state(self, row: AccessAttempt) -> str:
        """Return whether this row alone causes a lock."""
        return "Locked" if row.failures_since_start >= settings.AXES_FAILURE_LIMIT else "Counted"

    @display(description="until")
    def until(self, row: AccessAttempt) -> str:
        """Return when the failure stops to count."""
        end = timezone.localtime(row.attempt_time + settings.AXES_COOLOFF_TIME)
        return str(date_format(end + timedelta(minutes=1), "H:i"))

    @admin.action(description="Lift", permissions=["delete"])
    def lift(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Forget the failures of these names from these addresses, with whatever user agent."""
        pairs = set(queryset.values_list("username", "ip_address"))
        for username, ip_address in pairs:
            AccessAttempt.objects.filter(username=username, ip_address=ip_address).delete()
        messages.success(request, f"{len(pairs)} may log in again.")


class LogInAdmin(MachineRowsAdmin):
    """Successful log-ins."""

    hint = "Who logged in to these pages, when, and from where; kept for 90 days."
    empty_text = "Log-ins are listed here from now on."
    list_display = ("username", "attempt_time", "ip_address", "user_agent", "logout_time")
    fields = ("username", "attempt_time", "logout_time", "ip_address", "user_agent")
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    show_full_result_count = False
    paginator = NewestPaginator
