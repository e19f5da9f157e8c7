"""Admin pages of tasks and runners: view, search, cancel, retry. Machines write these rows, operators edit none."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from bingproject.errors import ConflictError, NotFoundError
from bingproject.operators.base_admin import (
    MachineRowsAdmin,
    NewestPaginator,
    RecordedAdmin,
    TimeFilter,
    once_for_each_row,
)
from creator import services
from creator.admin import columns
from creator.admin.curl import KEY, curl_of
from creator.admin.filters import ErrorFilter, ModelFilter, UserFilter
from creator.admin.make_form import FIELDS, MakePictureMixin
from creator.admin.pictures import PictureFilesMixin, pictures_of
from creator.admin.timeline import LINK_CLASSES, STATE_COLOURS, show_timeline, task_link
from creator.models import FINISHED, Kind, Runner, State, Task, TaskQuerySet

IDLE_SECONDS = 5
# Fields that a task's page omits while they are empty.
OFTEN_EMPTY = (
    "accepted_at", "finished_at", "lane", "request_id", "revised_prompt",
    "slot_until", "cancel_requested", "runner", "submit_at",
)  # fmt: skip


@admin.register(Task)
class TaskAdmin(MakePictureMixin, PictureFilesMixin, RecordedAdmin):
    """List and pages of tasks. Operators can cancel and retry tasks and request a picture, but edit nothing."""

    hint = "All requests, newest first. To cancel, try again or copy requests, select them and choose an action."
    list_before_template = "creator/admin/before_tasks.html"
    add_text = "Make a picture"
    empty_text = "There are no tasks yet. Make the first picture here, or request one through the API."
    live_seconds = 2
    list_display = ("state_shown", "thumbnails", "short_prompt", "who", "created_at", "duration")
    list_display_links = ("state_shown", "short_prompt")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ModelFilter,
        ErrorFilter,
        ("account", AutocompleteSelectFilter),
        UserFilter,
        ("created_at", TimeFilter),
    )
    list_filter_submit = True
    list_select_related = ("account",)
    sortable_by = ("created_at",)  # any other order would sort millions of rows
    list_per_page = 25
    # Neither a full count nor facets: each would read millions of rows.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator
    search_fields = ("id", "prompt", "request_id")
    search_help_text = "Words of a prompt, an id, a user's id"
    ordering = ("-created_at", "-id")
    actions = ("cancel", "retry", "copy_as_curl")
    actions_detail = ("cancel_this", "retry_this", "curl_this")
    fieldsets = (
        (
            "Request",
            {
                "fields": (
                    "kind", "model", "aspect", "speed", "asked_by", "route", "retried", "retries",
                )
            },
        ),
        (
            "Progress",
            {
                "fields": (
                    "created_at", "submit_at", "accepted_at", "finished_at", "duration", "account_link", "lane",
                    "request_id", "attempt_count", "retry_count", "next_at", "deadline_at", "slot_until",
                    "cancel_requested", "runner", "revised_prompt",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = ("duration", "account_link", "asked_by", "retries", "retried")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Prefetch the pictures: one query for all rows of a page."""
        return super().get_queryset(request).prefetch_related("results")

    def get_fieldsets(self, request: HttpRequest, obj: Task | None = None) -> list[Any]:
        """Return the fields that say something about this task, or the form's fields for a new one."""
        if obj is None:
            return [(None, {"fields": FIELDS})]
        silent = {name for name in OFTEN_EMPTY if not getattr(obj, name)}
        if obj.kind == Kind.VIDEO:
            silent |= {"model", "aspect"}
        if obj.is_finished:
            silent |= {"next_at", "deadline_at"}
        silent |= {name for name in ("retried", "retries") if not getattr(self, name)(obj)}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in silent]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: TaskQuerySet, search_term: str
    ) -> tuple[TaskQuerySet, bool]:
        """Search by id if the text is one, else by words of the prompt, request id or user id."""
        return services.search_tasks(queryset, search_term), False

    def live_seconds_of(self, row: Task) -> int:
        """Refresh the page until the task has ended."""
        return 0 if row.is_finished else self.live_seconds

    def live_seconds_of_list(self, rows: Sequence[Task]) -> int:
        """Refresh the list, less often while all shown tasks have ended: new ones may come."""
        return IDLE_SECONDS if all(task.is_finished for task in rows) else self.live_seconds

    def has_change_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """Return False: no field of a task can be edited."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Task | None = None) -> Sequence[str]:
        """Return nothing for a new task, whose form has none of these fields."""
        return () if obj is None else super().get_readonly_fields(request, obj)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow cancel and retry to everyone who may change tasks."""
        return bool(request.user.has_perm("creator.change_task"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the actions that fit the task's state: cancel while it runs, retry once it has ended."""
        state = with_id(object_id).values_list("state", flat=True).first()
        hidden = {"creator_task_cancel_this" if state in FINISHED else "creator_task_retry_this"}
        return [found for found in super().get_actions_detail(request, object_id) if found.action_name not in hidden]

    def has_delete_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """Allow deletion of tasks that have ended and no longer take a slot of their account."""
        may_go = obj is None or (obj.is_finished and (obj.slot_until is None or obj.slot_until <= timezone.now()))
        return may_go and super().has_delete_permission(request, obj)

    @display(description="state", label=STATE_COLOURS)
    def state_shown(self, task: Task) -> tuple[str, str]:
        """Return the state as a coloured label."""
        return task.state, task.get_state_display()

    @display(description="requested by")
    def asked_by(self, task: Task) -> str:
        """Return the user of the API key; all requests without a key count as one caller."""
        return columns.caller_link(task.caller_id)

    @display(description="requested by")
    def who(self, task: Task) -> str:
        """Return the caller and the account."""
        return columns.show_caller(task)

    @display(description="prompt")
    def short_prompt(self, task: Task) -> str:
        """Return the beginning of the prompt and the error code."""
        return columns.show_prompt(task)

    @display(description="duration")
    def duration(self, task: Task) -> str:
        """Return the time from the request to its end, or until now."""
        end: datetime = task.finished_at or timezone.now()
        return f"{(end - task.created_at).total_seconds():,.1f} s"

    @display(description="account")
    def account_link(self, task: Task) -> str:
        """Return a link to the task's account."""
        if task.account is None:
            return "none"
        return format_html(
            '<a class="{}" href="{}">{}</a>',
            LINK_CLASSES,
            reverse("admin:accounts_account_change", args=[task.account_id]),
            task.account,
        )

    def leading_parts(self, task: Task) -> Sequence[tuple[str, str]]:
        """Return the result, with links to the full-size files, and the timeline."""
        shown = {
            "task": task,
            "colour": STATE_COLOURS.get(State(task.state), "default"),
            "pictures": pictures_of(task),
            "caller": columns.caller_link(task.caller_id),
        }
        return [("Result", render_to_string("creator/admin/results.html", shown)), ("Timeline", show_timeline(task))]

    @display(description="pictures")
    def thumbnails(self, task: Task) -> str:
        """Return thumbnails of the pictures."""
        return columns.show_pictures(task)

    @display(description="tried again as")
    @once_for_each_row
    def retries(self, task: Task) -> str:
        """Return links to the tasks that retry this one."""
        return format_html_join(", ", "{}", ((task_link(task_id),) for task_id in services.retries_of(task)))

    @display(description="retry of")
    def retried(self, task: Task) -> str:
        """Return a link to the task that this one retries."""
        return task_link(task.retry_of) if task.retry_of else ""

    # --- actions ---

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Cancel tasks that have not ended; one that is being sent right now ends when Bing has answered."""
        counts = Counter(cancel_one(str(task_id)) for task_id in queryset.values_list("pk", flat=True))
        words = (
            ("cancelled", "cancelled"),
            ("noted", "will be cancelled once Bing has answered"),
            ("ended", "had already ended"),
        )
        messages.success(request, "; ".join(f"{counts[word]} {text}" for word, text in words if counts[word]) + ".")

    @admin.action(description="Try again as new tasks", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Create a new task with the same request for each that has ended."""
        tried = [retry_one(str(task_id)) for task_id in queryset.values_list("pk", flat=True)]
        count = sum(task is not None for task in tried)
        others = f" {len(tried) - count} skipped: still running, or being tried again already." if None in tried else ""
        messages.success(request, f"{count} tried again.{others}")

    @admin.action(description="Copy as cURL", permissions=["view"])
    def copy_as_curl(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse:
        """Show the requests as curl commands."""
        return self.show_commands(request, list(queryset))

    @action(
        description="Cancel",
        permissions=["act"],
        url_path="cancel",
        icon="cancel",
        dialog={
            "title": "Cancel this task?",
            "description": "A request that is being sent right now ends once Bing has answered.",
            "form_submit_text": "Cancel the task",
        },
    )
    def cancel_this(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Cancel the shown task."""
        words = {"cancelled": "Cancelled.", "noted": "It will be cancelled once Bing has answered."}
        messages.success(request, words.get(cancel_one(object_id), "It had already ended."))
        return lead_to(request, object_id)

    @action(
        description="Try again",
        permissions=["act"],
        url_path="retry",
        icon="replay",
        dialog={
            "title": "Try it again as a new task?",
            "description": "The new task has the same request and user, and does not count against the quota.",
            "form_submit_text": "Try again",
        },
    )
    def retry_this(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Retry the shown task and show the new one."""
        task = retry_one(object_id)
        if task is None:
            messages.error(request, "It is still running, or being tried again already.")
            return lead_to(request, object_id)
        messages.success(request, "This is the new task.")
        return lead_to(request, str(task.pk))

    @action(description="Copy as cURL", permissions=["view"], url_path="curl", icon="terminal")
    def curl_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the task's request as a curl command."""
        return self.show_commands(request, list(with_id(object_id)))

    def show_commands(self, request: HttpRequest, tasks: Sequence[Task]) -> HttpResponse:
        """Return the page with a curl command for each selected task; none of them contains a real key."""
        address = (settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}").rstrip("/")
        needs_key = settings.ACCESS != "open"
        texts = [curl_of(task, address, needs_key=needs_key) for task in tasks]
        context = self.admin_site.each_context(request) | {
            "title": "Copy as cURL",
            "opts": self.opts,
            "key": KEY if needs_key else "",
            "commands": [
                {"task": task, "title": str(task), "text": text} for task, text in zip(tasks, texts, strict=True)
            ],
        }
        return TemplateResponse(request, "creator/admin/curl.html", context)


def with_id(text: str) -> QuerySet[Task]:
    """Return the task with this id; nothing if the text is no id."""
    try:
        return Task.objects.filter(pk=uuid.UUID(text))
    except ValueError:
        return Task.objects.none()


def cancel_one(task_id: str) -> str:
    """Cancel a task; return `cancelled`, `noted` or `ended`, the last also for a task that no longer exists."""
    try:
        task = services.cancel_task(task_id, None, timezone.now())
    except (ConflictError, NotFoundError):
        return "ended"
    return "cancelled" if task.state in FINISHED else "noted"


def retry_one(task_id: str) -> Task | None:
    """Retry a task and return the new one; None if it runs or was deleted."""
    try:
        return services.retry_task(task_id, timezone.now())
    except (ConflictError, NotFoundError):
        return None


def lead_to(request: HttpRequest, task_id: str) -> HttpResponse:
    """Redirect to a task's page, from the theme's dialog (HTMX) or from a plain form."""
    address = reverse("admin:creator_task_change", args=[task_id])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


@admin.register(Runner)
class RunnerAdmin(MachineRowsAdmin):
    """List of runners: one row for each machine that works on tasks."""

    empty_text = "No worker is running, so tasks wait. Start one with manage.py serve or manage.py cluster."
    live_seconds = 5
    hint = "One row for each machine that works on tasks. If there is none for more than a few seconds, start a worker."

    list_display = ("machine", "id", "started_at", "lease_until", "task_count")
    ordering: ClassVar = ["machine"]
