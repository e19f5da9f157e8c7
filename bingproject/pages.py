"""What operators' pages of several apps share: rows that machines write, and lists that never count a million rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

LIST_HINT = "bingproject/hint.html"


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # no parameter at run time
    """Pages over the newest rows only: counting a million of them would take longer than reading a page."""

    listed_rows = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `listed_rows`; older ones are found by filters and search."""
        rows: Any = self.object_list
        return int(rows[: self.listed_rows].count())


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
