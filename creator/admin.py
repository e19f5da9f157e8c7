"""Operators' pages for tasks and runners: to look, to find, to cancel. Machines write these rows."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from bingproject.errors import OWNER, ConflictError
from bingproject.pages import LIST_HINT, MachineRowsAdmin, NewestPaginator, RecordedAdmin
from creator import services
from creator.models import FINISHED, Kind, Runner, State, Task
from creator.protocol import MODELS

SHORT_PROMPT_CHARACTERS = 70
LINK_CLASSES = "text-primary-600 dark:text-primary-500"
# Left out of a task's page as long as they say nothing.
OFTEN_EMPTY = (
    "error_code", "error_message", "error_detail", "accepted_at", "finished_at", "lane", "request_id", "revised_prompt",
    "slot_until", "cancel_requested", "runner", "submit_at",
)  # fmt: skip
STATE_COLOURS = {
    State.QUEUED: "info",
    State.SUBMITTING: "info",
    State.POLLING: "info",
    State.UNCERTAIN: "warning",
    State.COMPLETED: "success",
    State.FAILED: "danger",
    State.EXPIRED: "danger",
}


class ModelFilter(admin.SimpleListFilter):
    """By image model; the choices are known, so no query looks for them."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The models."""
        return [(name, name) for name in MODELS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Pictures of that model."""
        return queryset.filter(kind=Kind.IMAGE, model=self.value()) if self.value() in MODELS else queryset


class ErrorFilter(admin.SimpleListFilter):
    """By the code they failed with."""

    title = "error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Any, or one of the closed list."""
        return [("any", "Any"), *((code, code) for code in sorted(OWNER))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Those that ended with it."""
        if self.value() == "any":
            return queryset.exclude(error_code="")
        return queryset.filter(error_code=self.value()) if self.value() in OWNER else queryset


@admin.register(Task)
class TaskAdmin(RecordedAdmin):
    """Tasks: state first; nothing is edited, what still runs can be cancelled."""

    hint = "What was asked for, newest first. To cancel what has not ended, tick it and choose the action."
    list_before_template = LIST_HINT
    list_display = ("state_shown", "why", "short_prompt", "kind", "account", "asked_by", "created_at", "duration")
    list_display_links = ("state_shown", "short_prompt")
    list_filter = ("state", "kind", ModelFilter, "account", ErrorFilter)
    list_select_related = ("account",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator
    search_fields = ("id", "prompt", "request_id")
    search_help_text = "A task's id, Bing's request id, or how the prompt begins"
    ordering = ("-created_at", "-id")
    actions = ("cancel",)
    fieldsets = (
        ("State", {"fields": ("state", "error_code", "error_message", "error_detail", "results_shown")}),
        ("Asked for", {"fields": ("kind", "prompt", "model", "aspect", "speed", "asked_by", "route")}),
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
    readonly_fields = ("duration", "results_shown", "account_link", "asked_by")

    def get_fieldsets(self, request: HttpRequest, obj: Task | None = None) -> list[Any]:
        """Only what there is to say of this task."""
        silent = {name for name in OFTEN_EMPTY if obj is not None and not getattr(obj, name)}
        if obj is not None and obj.kind == Kind.VIDEO:
            silent |= {"model", "aspect"}
        if obj is not None and obj.is_finished:
            silent |= {"next_at", "deadline_at"}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in silent]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        """By id when the text is one, else by request id and the prompt's beginning."""
        text = search_term.strip()
        try:
            found = queryset.filter(pk=uuid.UUID(text))
        except ValueError:
            found = queryset.filter(Q(request_id=text) | Q(prompt__startswith=text)) if text else queryset
        return found, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tasks come through the API."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """Nothing of a task can be edited; the list still needs the permission for its action."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """Only what has ended, and holds no account's slot any more, may go."""
        may_go = obj is None or (obj.is_finished and (obj.slot_until is None or obj.slot_until <= timezone.now()))
        return may_go and super().has_delete_permission(request, obj)

    @display(description="state", ordering="state", label=STATE_COLOURS)
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

    @display(description="results")
    def results_shown(self, task: Task) -> str:
        """Pictures as they are at Bing, or the video's address."""
        link = '<a class="{}" href="{}" target="_blank" rel="noopener noreferrer">{}</a> '
        if task.video_url:
            video = '<video src="{}" controls preload="metadata" style="height:240px"></video>'
            player = format_html(video, task.video_url)
            return format_html("{}{}", player, format_html(link, LINK_CLASSES, task.video_url, task.video_url))
        image = '<img src="{}" alt="" loading="lazy" referrerpolicy="no-referrer" style="display:inline;height:160px">'
        urls = [result.url for result in task.results.all()]
        return format_html_join("", link, ((LINK_CLASSES, url, format_html(image, url)) for url in urls)) or "none"

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Cancel what has not ended; what is being sent right now ends when Bing has answered."""
        counts = Counter(cancel_one(task_id) for task_id in queryset.values_list("pk", flat=True))
        words = (
            ("cancelled", "cancelled"),
            ("noted", "will be once Bing has answered"),
            ("ended", "had ended before"),
        )
        messages.success(request, "; ".join(f"{counts[word]} {text}" for word, text in words if counts[word]) + ".")


def cancel_one(task_id: uuid.UUID) -> str:
    """What the cancelling came to: `cancelled`, `noted` or `ended`."""
    try:
        task = services.cancel_task(str(task_id), None, timezone.now())
    except ConflictError:
        return "ended"
    return "cancelled" if task.state in FINISHED else "noted"


@admin.register(Runner)
class RunnerAdmin(MachineRowsAdmin):
    """The loops that carry tasks: one living row for each machine at work."""

    hint = "The loops that carry tasks, one for each machine at work. None for longer than a moment: start a worker."

    list_display = ("machine", "id", "started_at", "lease_until", "task_count")
    ordering: ClassVar = ["machine"]
