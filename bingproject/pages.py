"""What operators' pages of several apps share: rows that machines write, and lists that never count a million rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from functools import wraps
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date, parse_time
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter

LIST_HINT = "bingproject/hint.html"


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


class MachineRowsAdmin(ModelAdmin):  # type: ignore[misc]  # the theme is untyped
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
