"""Register the read-only pages of the queue and those of log-ins in the theme, and build the navigation.

Schedules have no page, since their form would run any dotted path.
"""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.templatetags.static import static
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.decorators import display

from bingproject.models import Alert
from bingproject.operators.alert_admin import AlertAdmin
from bingproject.operators.audit_log_admin import RecordAdmin
from bingproject.operators.base_admin import MachineRowsAdmin
from bingproject.operators.second_factor_views import may_enter, own_paths
from bingproject.operators.user_admin import GroupAdmin, LockedLogInAdmin, LogInAdmin, UserAdmin

__all__ = ["RecordAdmin"]

SHOWN_RESULT_CHARACTERS = 200
# Group → pages: title, icon, model. Django's order by app would list tasks beside the queue's jobs, which django-q2
# calls tasks too.
PAGES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "What needs you": (("Alerts", "notifications", "bingproject.Alert"),),
    "Pictures and videos": (
        ("Tasks", "imagesmode", "creator.Task"),
        ("Runners", "sync", "creator.Runner"),
    ),
    "Chats": (("Conversations", "chat", "chat.Conversation"),),
    "Bing": (
        ("Accounts", "account_circle", "accounts.Account"),
        ("Leases", "link", "accounts.Lease"),
    ),
    "Who may ask": (
        ("Whitelisted users", "group", "accounts.WhitelistedUser"),
        ("API keys", "key", "accounts.ApiKey"),
    ),
    "Queue": (
        ("Waiting jobs", "pending", "django_q.OrmQ"),
        ("Finished jobs", "task_alt", "django_q.Success"),
        ("Failed jobs", "error", "django_q.Failure"),
    ),
    "Operators": (
        ("Log-ins", "shield_person", "auth.User"),
        ("Groups", "groups", "auth.Group"),
        ("Locked log-ins", "lock", "axes.AccessAttempt"),
        ("Log-ins so far", "login", "axes.AccessLog"),
        ("Record", "history", "bingproject.Record"),
    ),
}


# The menu's names for models of packages. Migrations compare the class's own options and do not change.
NAMES = {
    OrmQ: ("waiting job", "waiting jobs"),
    Success: ("finished job", "finished jobs"),
    Failure: ("failed job", "failed jobs"),
    User: ("log-in", "log-ins"),
    AccessAttempt: ("locked log-in", "locked log-ins"),
    AccessLog: ("log-in so far", "log-ins so far"),
}
for renamed, (singular, plural) in NAMES.items():
    renamed._meta.verbose_name, renamed._meta.verbose_name_plural = singular, plural


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the side bar and index: the pages that this operator may see, in groups.

    A page may have a method `badge(request)` that returns a short text or "".
    """
    seen = {entry["model"]._meta.label: entry for app in admin.site.get_app_list(request) for entry in app["models"]}
    groups = []
    for title, pages in PAGES.items():
        items = [_item(request, *page, seen[page[2]]) for page in pages if page[2] in seen]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def _item(request: HttpRequest, title: str, icon: str, _label: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return one entry in the theme's format."""
    page = admin.site.get_model_admin(entry["model"])
    badge = getattr(page, "badge", None)
    return {
        "title": title,
        "icon": icon,
        "link": entry["admin_url"],
        "add_link": entry["add_url"],
        "hint": getattr(page, "hint", ""),
        "badge": badge(request) if badge else "",
        "badge_variant": "warning",
    }


def icon_address(request: HttpRequest) -> str:
    """Return the address of the icon of browser tabs."""
    return static("bingproject/icon.svg")


def style_address(request: HttpRequest) -> str:
    """Return the address of the styles that the theme lacks."""
    return static("bingproject/admin.css")


def script_address(request: HttpRequest) -> str:
    """Return the address of the script that updates pages."""
    return static("bingproject/live.js")


class FinishedJobAdmin(MachineRowsAdmin):
    """Finished jobs and the line that each returned."""

    list_display = ("name", "func", "cluster", "started", "stopped", "time_taken", "short_result")
    list_filter = ("func", "cluster")
    search_fields = ("name", "func")
    fields = ("id", "name", "func", "cluster", "started", "stopped", "time_taken", "attempt_count", "short_result")

    @display(description="seconds")
    def time_taken(self, job: Any) -> float:
        """Return the seconds that it ran."""
        return round(float(job.time_taken()), 3)

    @display(description="result")
    def short_result(self, job: Any) -> str:
        """Return the beginning of what it returned or raised."""
        return str(job.result)[:SHOWN_RESULT_CHARACTERS]


class SucceededJobAdmin(FinishedJobAdmin):
    """Jobs that succeeded."""

    hint = "Short jobs that ended well, with the line they returned."
    empty_text = "The first ones come a few seconds after a worker has started."


class FailedJobAdmin(FinishedJobAdmin):
    """Jobs that raised an error or were interrupted."""

    hint = "Jobs that raised an error or were cut off. Nothing is lost with them: what is still due is started again."
    empty_text = "No job has failed."


class QueuedJobAdmin(MachineRowsAdmin):
    """Jobs that wait for a worker."""

    hint = "Jobs that wait for a worker. A long list means that none is running."

    empty_text = "No job waits: a worker takes each one at once."
    live_seconds = 5
    list_display = ("id", "key", "name", "func", "lock")
    list_filter = ("key",)
    fields = ("key", "lock", "task_id", "name", "func")


# The packages registered their own pages earlier, by the order of INSTALLED_APPS. With Redis there is no OrmQ page.
for model, page in (
    (Success, SucceededJobAdmin),
    (Failure, FailedJobAdmin),
    (OrmQ, QueuedJobAdmin),
    (User, UserAdmin),
    (Group, GroupAdmin),
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
        admin.site.register(model, page)
admin.site.unregister(Schedule)
admin.site.index_title = "Dashboard"
admin.site.index_template = "bingproject/index.html"
admin.site.register(Alert, AlertAdmin)
admin.site.register(AccessAttempt, LockedLogInAdmin)
admin.site.register(AccessLog, LogInAdmin)
# The theme's own site object stays in use: it reads further paths from `extra_urls`, and checks every page by this.
admin.site.extra_urls = own_paths  # type: ignore[attr-defined]  # the theme is untyped
admin.site.has_permission = may_enter  # type: ignore[method-assign]
