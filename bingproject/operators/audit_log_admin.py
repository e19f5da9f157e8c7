"""The page "Record" of the admin: who did what, when, to which row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from bingproject.models import Record
from bingproject.operators.audit_log import ACTED
from bingproject.operators.base_admin import MachineRowsAdmin, NewestPaginator

LINK_CLASSES = "text-primary-600 dark:text-primary-500"
WAYS = {ADDITION: "Added", CHANGE: "Changed", DELETION: "Deleted", ACTED: "Action"}
WAY_COLOURS = {"Added": "success", "Changed": "info", "Deleted": "danger", "Action": "warning"}


class WayFilter(admin.SimpleListFilter):
    """Filter by how it was done: by a form or by an action."""

    title = "how"
    parameter_name = "how"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the four ways."""
        return [(str(flag), words) for flag, words in WAYS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        """Return the entries of the chosen way."""
        value = self.value() or ""
        return queryset.filter(action_flag=int(value)) if value in map(str, WAYS) else queryset


class KindFilter(admin.SimpleListFilter):
    """Filter by the kind of row. The choices are the admin's pages, so they need no query."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the kinds that have a page."""
        kinds = [model._meta for model in model_admin.admin_site._registry]
        named = {kind.label_lower: str(kind.verbose_name_plural).capitalize() for kind in kinds}
        return sorted(named.items(), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        """Return the entries about the chosen kind."""
        app, _, model = (self.value() or "").partition(".")
        return queryset.filter(content_type__app_label=app, content_type__model=model) if model else queryset


@admin.register(Record)
class RecordAdmin(MachineRowsAdmin):
    """The audit log, read-only."""

    hint = "What operators did, newest first: who, what, when, and to which row. It holds no secret."
    empty_text = "What operators add, change, delete or start is written down here."
    list_display = ("action_time", "user", "way", "what", "kind", "row")
    list_display_links = None
    list_filter = ("user", WayFilter, KindFilter, "action_time")
    list_select_related = ("user", "content_type")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator
    search_fields = ("object_repr", "=object_id")
    search_help_text = "A row's name or a part of it, or its id"
    ordering = ("-id",)  # the order of writing, since the time has no index
    fields = ("action_time", "user", "way", "what", "kind", "row")
    readonly_fields = ("way", "what", "kind", "row")

    @display(description="how", ordering="action_flag", label=WAY_COLOURS)
    def way(self, entry: LogEntry) -> str:
        """Return how it was done: by a form or by an action."""
        return WAYS.get(entry.action_flag, "")

    @display(description="what")
    def what(self, entry: LogEntry) -> str:
        """Return the action's name, or the names of the changed fields."""
        return entry.get_change_message() or f"{WAYS.get(entry.action_flag, '')}."

    @display(description="kind")
    def kind(self, entry: LogEntry) -> str:
        """Return the kind of the row."""
        return str(entry.content_type.name) if entry.content_type else ""

    @display(description="row")
    def row(self, entry: LogEntry) -> str:
        """Return the row's name, with a link while it has a page."""
        address = None if entry.action_flag == DELETION or not entry.object_id else entry.get_admin_url()
        if not address:
            return entry.object_repr
        return format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, entry.object_repr)
