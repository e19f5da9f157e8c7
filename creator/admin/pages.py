"""Operators' pages for tasks and runners: to look, to find, to cancel, to try again. Machines write these rows."""

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
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from bingproject.errors import ConflictError, NotFoundError
from bingproject.pages import (
    LIST_HINT,
    MachineRowsAdmin,
    NewestPaginator,
    RecordedAdmin,
    TimeFilter,
    once_for_each_row,
)
from creator import services
from creator.admin.curl import KEY, curl_of
from creator.admin.filters import ErrorFilter, ModelFilter, UserFilter
from creator.admin.story import LINK_CLASSES, STATE_COLOURS, show_story, task_link
from creator.models import FINISHED, Kind, Runner, State, Task, TaskQuerySet
from creator.protocol import build_thumbnail_url

SHORT_PROMPT_CHARACTERS = 70
# Bing need not learn on which page its pictures stand.
THUMBNAIL = (
    '<img class="aspect-square h-8 object-cover rounded-default" src="{}" alt="" loading="lazy" '
    'referrerpolicy="no-referrer">'
)
VIDEO_ICON = SafeString('<span class="material-symbols-outlined" title="video">movie</span>')
# Left out of a task's page as long as they say nothing.
OFTEN_EMPTY = (
    "accepted_at", "finished_at", "lane", "request_id", "revised_prompt",
    "slot_until", "cancel_requested", "runner", "submit_at",
)  # fmt: skip


@admin.register(Task)
class TaskAdmin(RecordedAdmin):
    """Tasks: state first; nothing is edited, what still runs can be cancelled."""

    hint = "What was asked for, newest first. To cancel, try again or copy requests, tick them and choose the action."
    list_before_template = LIST_HINT
    list_display = (
        "state_shown", "thumbnails", "short_prompt", "why", "kind", "account", "asked_by", "created_at", "duration",
    )  # fmt: skip
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
    sortable_by = ("created_at",)  # any other order would sort a million rows
    list_per_page = 25
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator
    search_fields = ("id", "prompt", "request_id")
    search_help_text = "A task's id, Bing's request id, how the prompt begins, or a user's id"
    ordering = ("-created_at", "-id")
    actions = ("cancel", "retry", "copy_as_curl")
    actions_detail = ("cancel_this", "retry_this", "curl_this")
    fieldsets = (
        (
            "Asked for",
            {
                "fields": (
                    "kind", "model", "aspect", "speed", "asked_by", "route", "retried", "retries",
                )
            },
        ),
        (
            "What happened",
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
        """With the pictures: one query for all that a page of the list shows."""
        return super().get_queryset(request).prefetch_related("results")

    def get_fieldsets(self, request: HttpRequest, obj: Task | None = None) -> list[Any]:
        """Only what there is to say of this task."""
        silent = {name for name in OFTEN_EMPTY if obj is not None and not getattr(obj, name)}
        if obj is not None and obj.kind == Kind.VIDEO:
            silent |= {"model", "aspect"}
        if obj is not None and obj.is_finished:
            silent |= {"next_at", "deadline_at"}
        if obj is not None:
            silent |= {name for name in ("retried", "retries") if not getattr(self, name)(obj)}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in silent]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: TaskQuerySet, search_term: str
    ) -> tuple[TaskQuerySet, bool]:
        """By id when the text is one, else by request id, the prompt's beginning, or the user's id."""
        return services.search_tasks(queryset, search_term), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tasks come through the API."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """Nothing of a task can be edited."""
        return False

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change tasks may cancel them and have them tried again."""
        return bool(request.user.has_perm("creator.change_task"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Those that make sense for the task as it is: it can be cancelled or tried again, never both."""
        state = with_id(object_id).values_list("state", flat=True).first()
        hidden = {"creator_task_cancel_this" if state in FINISHED else "creator_task_retry_this"}
        return [found for found in super().get_actions_detail(request, object_id) if found.action_name not in hidden]

    def has_delete_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """Only what has ended, and holds no account's slot any more, may go."""
        may_go = obj is None or (obj.is_finished and (obj.slot_until is None or obj.slot_until <= timezone.now()))
        return may_go and super().has_delete_permission(request, obj)

    @display(description="state", label=STATE_COLOURS)
    def state_shown(self, task: Task) -> tuple[str, str]:
        """Where it stands."""
        return task.state, task.get_state_display()

    @display(description="why")
    def why(self, task: Task) -> str:
        """The code it failed with; its page has the words."""
        return task.error_code

    @display(description="asked by")
    def asked_by(self, task: Task) -> str:
        """The key's user; all who ask without a key are one."""
        return "no key" if task.holder == "open" else task.holder.removeprefix("user:")

    @display(description="prompt")
    def short_prompt(self, task: Task) -> str:
        """Its beginning."""
        text = task.prompt[: SHORT_PROMPT_CHARACTERS + 1]
        return text if len(text) <= SHORT_PROMPT_CHARACTERS else f"{text[:SHORT_PROMPT_CHARACTERS]}…"

    @display(description="duration")
    def duration(self, task: Task) -> str:
        """From the request to the end, or until now."""
        end: datetime = task.finished_at or timezone.now()
        return f"{(end - task.created_at).total_seconds():,.1f} s"

    @display(description="account")
    def account_link(self, task: Task) -> str:
        """The account that makes or made it."""
        if task.account is None:
            return "none"
        return format_html(
            '<a class="{}" href="{}">{}</a>',
            LINK_CLASSES,
            reverse("admin:accounts_account_change", args=[task.account_id]),
            task.account,
        )

    def leading_parts(self, task: Task) -> Sequence[tuple[str, str]]:
        """What came of it, with pictures or the video as links to the whole of them; and how, step by step."""
        pictures = [{"url": url, "small_url": build_thumbnail_url(url)} for url in task.image_urls]
        shown = {"task": task, "colour": STATE_COLOURS.get(State(task.state), "default"), "pictures": pictures}
        return [("Result", render_to_string("creator/admin/results.html", shown)), ("Story", show_story(task))]

    @display(description="pictures")
    def thumbnails(self, task: Task) -> str:
        """Small ones; a browser fetches those it shows, from Bing, and does not say for which page."""
        images = format_html_join("", THUMBNAIL, ((build_thumbnail_url(result.url),) for result in task.results.all()))
        icon = VIDEO_ICON if task.video_url else ""
        return format_html('<span class="flex flex-row gap-1">{}{}</span>', images, icon)

    @display(description="tried again as")
    @once_for_each_row
    def retries(self, task: Task) -> str:
        """The tasks that operators made of it."""
        return format_html_join(", ", "{}", ((task_link(task_id),) for task_id in services.retries_of(task)))

    @display(description="another try of")
    def retried(self, task: Task) -> str:
        """The task that an operator made it of."""
        return task_link(task.retry_of) if task.retry_of else ""

    # --- what an operator may do ---

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Cancel what has not ended; what is being sent right now ends when Bing has answered."""
        counts = Counter(cancel_one(str(task_id)) for task_id in queryset.values_list("pk", flat=True))
        words = (
            ("cancelled", "cancelled"),
            ("noted", "will be once Bing has answered"),
            ("ended", "had ended before"),
        )
        messages.success(request, "; ".join(f"{counts[word]} {text}" for word, text in words if counts[word]) + ".")

    @admin.action(description="Try again as new tasks", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """A new task with the same wish for each that has ended."""
        tried = [retry_one(str(task_id)) for task_id in queryset.values_list("pk", flat=True)]
        count = sum(task is not None for task in tried)
        others = f" {len(tried) - count} left alone: they run, or are being tried again." if None in tried else ""
        messages.success(request, f"{count} tried again.{others}")

    @admin.action(description="Copy as cURL", permissions=["view"])
    def copy_as_curl(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse:
        """Their requests as commands."""
        return self.show_commands(request, list(queryset))

    @action(
        description="Cancel",
        permissions=["act"],
        url_path="cancel",
        icon="cancel",
        dialog={
            "title": "Cancel this task?",
            "description": "What is being sent right now ends when Bing has answered.",
            "form_submit_text": "Cancel the task",
        },
    )
    def cancel_this(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Cancel the one that is looked at."""
        words = {"cancelled": "Cancelled.", "noted": "It will be cancelled once Bing has answered."}
        messages.success(request, words.get(cancel_one(object_id), "It had ended before."))
        return lead_to(request, object_id)

    @action(
        description="Try again",
        permissions=["act"],
        url_path="retry",
        icon="replay",
        dialog={
            "title": "Try it again as a new task?",
            "description": "The same wish for the same user; it does not count against their quota.",
            "form_submit_text": "Try again",
        },
    )
    def retry_this(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Try the one again that is looked at, and show the new one."""
        task = retry_one(object_id)
        if task is None:
            messages.error(request, "It runs, or is being tried again already.")
            return lead_to(request, object_id)
        messages.success(request, "This is the new task.")
        return lead_to(request, str(task.pk))

    @action(description="Copy as cURL", permissions=["view"], url_path="curl", icon="terminal")
    def curl_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The request of the one that is looked at."""
        return self.show_commands(request, list(with_id(object_id)))

    def show_commands(self, request: HttpRequest, tasks: Sequence[Task]) -> HttpResponse:
        """A page to copy from."""
        address = settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
        context = self.admin_site.each_context(request) | {
            "title": "Copy as cURL",
            "opts": self.opts,
            "key": KEY,
            "commands": [{"task": task, "text": curl_of(task, address.rstrip("/"))} for task in tasks],
        }
        return TemplateResponse(request, "creator/admin/curl.html", context)


def with_id(text: str) -> QuerySet[Task]:
    """The task of an address; none for an address that names none."""
    try:
        return Task.objects.filter(pk=uuid.UUID(text))
    except ValueError:
        return Task.objects.none()


def cancel_one(task_id: str) -> str:
    """What the cancelling came to: `cancelled`, `noted` or `ended`; one that is gone has ended."""
    try:
        task = services.cancel_task(task_id, None, timezone.now())
    except (ConflictError, NotFoundError):
        return "ended"
    return "cancelled" if task.state in FINISHED else "noted"


def retry_one(task_id: str) -> Task | None:
    """The new task; None when there can be none now."""
    try:
        return services.retry_task(task_id, timezone.now())
    except (ConflictError, NotFoundError):
        return None


def lead_to(request: HttpRequest, task_id: str) -> HttpResponse:
    """To a task's page, from the theme's dialog or from a plain form."""
    address = reverse("admin:creator_task_change", args=[task_id])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


@admin.register(Runner)
class RunnerAdmin(MachineRowsAdmin):
    """The loops that carry tasks: one living row for each machine at work."""

    hint = "The loops that carry tasks, one for each machine at work. None for longer than a moment: start a worker."

    list_display = ("machine", "id", "started_at", "lease_until", "task_count")
    ordering: ClassVar = ["machine"]
