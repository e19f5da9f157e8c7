"""What operators' pages of several apps share: actions that leave a record, rows that machines write, and lists that
never count a million rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import wraps
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.dateparse import parse_date, parse_time
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.dataclasses import UnfoldAction

from bingproject.record import MOST_ENTRIES, record

LIST_HINT = "bingproject/hint.html"
# Django's own action writes its own entries, and only once the operator has confirmed.
RECORDED_BY_DJANGO = "delete_selected"


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # no parameter at run time
    """Pages over the newest rows only: counting a million of them would take longer than reading a page."""

    listed_rows = 5_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `listed_rows`; older ones are found by filters and search."""
        rows: Any = self.object_list
        # Unordered: the first rows that can be had are as many as the newest, and found with less.
        return int(rows.order_by()[: self.listed_rows].count())


def once_for_each_row(show: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """Keep what a computed field shows of a row: the theme's template asks for it five times while it renders one."""

    @wraps(show)
    def shown(page: Any, row: Any) -> str:
        kept: dict[str, str] = row.__dict__.setdefault("_shown", {})
        if show.__name__ not in kept:
            kept[show.__name__] = show(page, row)
        return kept[show.__name__]

    return shown


class TimeFilter(RangeDateTimeFilter):  # type: ignore[misc]  # the theme is untyped
    """From a day and time to another, in UTC; without a time the whole day counts."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those between; an end that is no date limits nothing."""
        for end, lookup, whole_day in (("from", "gte", time.min), ("to", "lte", time.max)):
            moment = self._moment(end, whole_day)
            if moment is not None:
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": moment})
        return queryset

    def _moment(self, end: str, whole_day: time) -> datetime | None:
        day, hour = (str(self.used_parameters.get(f"{self.field_path}_{end}_{part}") or "") for part in (0, 1))
        try:
            date, clock = parse_date(day), parse_time(hour) if hour else whole_day
        except ValueError:
            return None
        return datetime.combine(date, clock or whole_day, UTC) if date else None


class RecordedAdmin(ModelAdmin):  # type: ignore[misc]  # the theme is untyped
    """A page whose actions all leave a record, of whatever kind they are; what forms change is Django's to record.

    A row's page may begin with parts over its whole width, each with a title.
    """

    change_form_before_template = "bingproject/parts.html"
    empty_value_display = ""  # nothing at all: on a phone an empty cell is a line less

    def leading_parts(self, row: Any) -> Sequence[tuple[str, str]]:
        """Titles and safe HTML."""
        return ()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        """With the leading parts."""
        row = context.get("original")
        context["parts"] = self.leading_parts(row) if row is not None else ()
        return super().render_change_form(request, context, *arguments, **options)

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
    """Whether the action was carried out: one that answers with a page asks something first, or shows something.

    The theme's dialogs are led on by a header of an answer 200.
    """
    if answer is None or not 200 <= answer.status_code < 300:
        return True
    return answer.has_header("Content-Disposition") or answer.has_header("HX-Redirect")


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
