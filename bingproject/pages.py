"""What operators' pages of several apps share: actions that leave a record, rows that machines write, and lists that
never count a million rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction

from bingproject.record import MOST_ENTRIES, record

LIST_HINT = "bingproject/hint.html"
# Django's own action writes its own entries, and only once the operator has confirmed.
RECORDED_BY_DJANGO = "delete_selected"


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # no parameter at run time
    """Pages over the newest rows only: counting a million of them would take longer than reading a page."""

    listed_rows = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `listed_rows`; older ones are found by filters and search."""
        rows: Any = self.object_list
        return int(rows[: self.listed_rows].count())


class RecordedAdmin(ModelAdmin):  # type: ignore[misc]  # the theme is untyped
    """A page whose actions all leave a record, of whatever kind they are; what forms change is Django's to record."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The list's actions."""
        found: dict[str, Any] = super().get_actions(request)
        return {
            name: (act if name == RECORDED_BY_DJANGO else _recorded_on_rows(act, text), name, text)
            for name, (act, _, text) in found.items()
        }

    def get_unfold_action(self, action: str) -> UnfoldAction:
        """The theme's actions: above a list, in its rows, above a row's form, among its buttons."""
        found = super().get_unfold_action(action)
        return replace(found, method=_recorded_on_page(self, found.method, found.description))


def _recorded_on_rows(act: Callable[..., Any], what: Any) -> Callable[..., Any]:
    @wraps(act)
    def run(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        # Before the action: after it they may be gone, or no longer be what the list is filtered by.
        rows = list(queryset[: MOST_ENTRIES + 1])
        row_count = len(rows) if len(rows) <= MOST_ENTRIES else queryset.count()
        answer = act(page, request, queryset)
        if rows and _is_done(answer):
            record(request, page.model, rows, str(what), row_count=row_count)
        return answer

    return run


def _recorded_on_page(page: Any, act: Callable[..., Any], what: Any) -> Callable[..., Any]:
    @wraps(act)
    def run(request: HttpRequest, *arguments: Any, **options: Any) -> Any:
        named = arguments[0] if arguments else options.get("object_id")
        row = named if named is None or isinstance(named, Model) else page.get_object(request, named)
        answer = act(request, *arguments, **options)
        if _is_done(answer):
            record(request, page.model, [row] if row else [], str(what))
        return answer

    return run


def _is_done(answer: HttpResponseBase | None) -> bool:
    """Whether the action was carried out: one that answers with a page asks something first, or shows something."""
    return answer is None or not 200 <= answer.status_code < 300 or answer.has_header("Content-Disposition")


class MachineRowsAdmin(RecordedAdmin):
    """Rows that machines write: to be looked at."""

    list_before_template = LIST_HINT

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a machine adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a machine changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a machine deletes."""
        return False
