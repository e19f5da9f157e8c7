"""The queue's own pages, read-only, operators' log-ins, and the way around the admin, all in its theme.

Schedules have no page: their form would run any dotted path.
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

from bingproject.alert_pages import AlertAdmin
from bingproject.models import Alert
from bingproject.operator_pages import GroupAdmin, LockedLogInAdmin, LogInAdmin, UserAdmin
from bingproject.pages import MachineRowsAdmin
from bingproject.record_page import RecordAdmin
from bingproject.second_factor_pages import may_enter, own_paths

__all__ = ["RecordAdmin"]

SHOWN_RESULT_CHARACTERS = 200
# Group → pages: title, icon, model. Django's own order by app would put tasks beside the queue's jobs, which it calls
# tasks too.
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


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar and the index: the pages that this operator may see, by what they are for.

    A model's page may bring its own badge: `badge(request)`, a short text or none.
    """
    seen = {entry["model"]._meta.label: entry for app in admin.site.get_app_list(request) for entry in app["models"]}
    groups = []
    for title, pages in PAGES.items():
        items = [_item(request, *page, seen[page[2]]) for page in pages if page[2] in seen]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def _item(request: HttpRequest, title: str, icon: str, _label: str, entry: dict[str, Any]) -> dict[str, Any]:
    """One page as the theme wants it."""
    page = admin.site._registry[entry["model"]]
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
    """The browser tab's icon."""
    return static("bingproject/icon.svg")


def style_address(request: HttpRequest) -> str:
    """What the theme lacks."""
    return static("bingproject/admin.css")


class FinishedJobAdmin(MachineRowsAdmin):
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


class SucceededJobAdmin(FinishedJobAdmin):
    """Jobs that ended as they should."""

    hint = "Short jobs that ended well, with the line they returned."


class FailedJobAdmin(FinishedJobAdmin):
    """Jobs that raised an error or were cut off."""

    hint = "Jobs that raised an error or were cut off. Nothing is lost with them: what is still due is started again."


class QueuedJobAdmin(MachineRowsAdmin):
    """Jobs that wait for a worker."""

    hint = "Jobs that wait for a worker. A long list means that none is running."

    list_display = ("id", "key", "name", "func", "lock")
    list_filter = ("key",)
    fields = ("key", "lock", "task_id", "name", "func")


# The packages registered their own pages first: ours come later in INSTALLED_APPS. With Redis there is no OrmQ page.
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
# The theme's site stays in use: it takes further paths by this name, and asks this for every page.
admin.site.extra_urls = own_paths  # type: ignore[attr-defined]  # the theme is untyped
admin.site.has_permission = may_enter  # type: ignore[method-assign]
