"""Base classes for admin pages of the apps: logged actions, read-only rows, lists that never count a million rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import wraps
from typing import Any

from django.contrib.admin.utils import get_fields_from_path
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_date, parse_time
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.dataclasses import UnfoldAction

from bingproject.operators import live_updates
from bingproject.operators.audit_log import MOST_ENTRIES, record

LIST_HINT = "bingproject/hint.html"
# The suffixes that filters of Django and the theme append to the path of their field.
FILTER_SUFFIXES = ("", "__exact", "__isnull", "__isempty", "__gte", "__lt", *(
    f"_{end}_{part}" for end in ("from", "to") for part in (0, 1)
))  # fmt: skip
SEARCH_CHARACTERS = 500
# Django's own action writes its own log entries, after the operator has confirmed.
RECORDED_BY_DJANGO = "delete_selected"


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # no parameter at run time
    """Paginate the newest rows only: counting a million would take longer than reading a page."""

    listed_rows = 5_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `listed_rows`; older ones are found by filters and search."""
        rows: Any = self.object_list
        # Without an order: only the number matters, and it is cheaper to find.
        return int(rows.order_by()[: self.listed_rows].count())


def once_for_each_row(show: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """Cache a computed field on its row, since the theme's template reads it five times per row."""

    @wraps(show)
    def shown(page: Any, row: Any) -> str:
        kept: dict[str, str] = row.__dict__.setdefault("_shown", {})
        if show.__name__ not in kept:
            kept[show.__name__] = show(page, row)
        return kept[show.__name__]

    return shown


class TimeFilter(RangeDateTimeFilter):  # type: ignore[misc]  # the theme is untyped
    """Filter from one day and time to another, in UTC; without a time, by whole days."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in between. An end that is not a date is ignored."""
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
    """A page whose actions of every kind are logged; Django logs the changes of forms.

    The page of a row may begin with titled parts across its whole width.
    """

    change_form_before_template = "bingproject/parts.html"
    add_text = ""  # the button of an empty list, if "Add" and the row's name are not clear
    empty_text = ""  # the text of an empty list: what will be listed, and how it gets there
    # How often an open page updates itself; 0 for never.
    live_seconds = 0
    empty_value_display = ""  # no dash, since an empty cell takes no line on a phone

    def leading_parts(self, row: Any) -> Sequence[tuple[str, str]]:
        """Return pairs of title and safe HTML."""
        return ()

    def parts_for(self, request: HttpRequest, row: Any) -> Sequence[tuple[str, str]]:
        """Return the leading parts that this operator may see."""
        return self.leading_parts(row)

    def live_seconds_of(self, row: Any) -> int:
        """Return how often the page of a row updates itself; 0 if the row is final."""
        return self.live_seconds

    def live_seconds_of_list(self, rows: Sequence[Any]) -> int:
        """Return how often the list updates itself while it shows these rows."""
        return self.live_seconds

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; for the update script, only its rows."""
        answer: HttpResponse = super().changelist_view(request, extra_context)
        if not isinstance(answer, TemplateResponse) or "cl" not in (answer.context_data or {}):
            return answer
        context = answer.context_data or {}
        # On the list object, because the theme renders the footer in a context that has nothing else of the page.
        context["cl"].live_seconds = self.live_seconds_of_list(context["cl"].result_list)
        context["is_live"] = live_updates.is_asked(request)
        return live_updates.only_parts(request, answer, "bingproject/live_list.html")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        """Show the form with the leading parts; for the update script, only what may have changed."""
        row = context.get("original")
        context["parts"] = self.parts_for(request, row) if row is not None else ()
        if row is not None and self.live_seconds:
            context["live_seconds"] = self.live_seconds_of(row)
            context["live_is_done"] = live_updates.is_asked(request) and not context["live_seconds"]
            context["live_how"] = "fields" if self.has_change_permission(request, row) else "html"
        answer = super().render_change_form(request, context, *arguments, **options)
        return live_updates.only_parts(request, answer, "bingproject/live_form.html")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """True for parameters that a filter of this list sends.

        Django allows any column of the model. `?encrypted_cookies__startswith=` would reveal a secret letter by letter,
        and `__regex` on a long text would keep the process busy for minutes.
        """
        return lookup in set(_filter_parameters(self, request))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search by the beginning of a very long text: SQLite refuses a condition of thousands of words."""
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term[:SEARCH_CHARACTERS])
        return found

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the list's actions, logged."""
        found: dict[str, Any] = super().get_actions(request)
        return {
            name: (act if name == RECORDED_BY_DJANGO else _recorded_on_rows(act, text), name, text)
            for name, (act, _, text) in found.items()
        }

    def get_unfold_action(self, action: str) -> UnfoldAction:
        """Return an action of the theme, logged: above a list, in its rows, above a form, or among its buttons."""
        found = super().get_unfold_action(action)
        return replace(found, method=_recorded_on_page(self, found.method, found.description))


def _filter_parameters(page: Any, request: HttpRequest) -> Iterator[str]:
    """Yield the query parameters that the filters of a page's list read."""
    for entry in page.get_list_filter(request):
        if isinstance(entry, type):
            yield str(getattr(entry, "parameter_name", ""))
            continue
        path = entry if isinstance(entry, str) else entry[0]
        field: Any = get_fields_from_path(page.model, path)[-1]
        if field.is_relation:
            yield from (f"{path}__{field.target_field.name}__exact", f"{path}__isnull")
        else:
            yield from (f"{path}{suffix}" for suffix in FILTER_SUFFIXES)


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
    """True if the action was carried out; one that answers with a page only asks or shows something.

    The theme's dialogs answer 200 with a header when they are done.
    """
    if answer is None or not 200 <= answer.status_code < 300:
        return True
    return answer.has_header("Content-Disposition") or answer.has_header("HX-Redirect")


class MachineRowsAdmin(RecordedAdmin):
    """Rows that only the server writes, read-only."""

    list_before_template = LIST_HINT

    def has_add_permission(self, request: HttpRequest) -> bool:
        """False: only the server adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: only the server changes rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: only the server deletes rows."""
        return False
