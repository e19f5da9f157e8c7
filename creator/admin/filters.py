"""Filters of the list of tasks. Each has an index, and none queries the database for its choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from bingproject.errors import OWNER
from creator.models import Kind, Task
from creator.protocol import MODELS

OPERATOR = "operator:"  # prefix of the caller id of a picture made in the admin


class ModelFilter(DropdownFilter):
    """Filter by image model."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the image models."""
        return [(name, name) for name in MODELS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Return tasks of the chosen model."""
        return queryset.filter(kind=Kind.IMAGE, model=self.value()) if self.value() in MODELS else queryset


class ErrorFilter(DropdownFilter):
    """Filter by the error code of a failed task."""

    title = "error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return "any" and the closed list of error codes."""
        return [("any", "Any"), *((code, code) for code in sorted(OWNER))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Return tasks that ended with the chosen code."""
        if self.value() == "any":
            return queryset.exclude(error_code="")
        return queryset.filter(error_code=self.value()) if self.value() in OWNER else queryset


class UserFilter(TextFilter):
    """Filter by caller: a user's id, or `open` for all requests without a key."""

    title = "user's id"
    parameter_name = "user"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Return the tasks of the named caller."""
        text = (self.value() or "").strip()
        return queryset.filter(caller_id__in=caller_ids_of(text)) if text else queryset


def caller_ids_of(text: str) -> tuple[str, ...]:
    """Return the caller ids that an operator may mean by a word."""
    if text in ("open", "no key"):
        return ("open",)
    return (text if text.startswith(("user:", OPERATOR)) else f"user:{text}",)


def name_of(caller_id: str) -> tuple[str, str]:
    """Return a caller's display name and the word for it that `caller_ids_of` understands."""
    if caller_id == "open":
        return "no key", "open"
    if caller_id.startswith(OPERATOR):
        return f"operator {caller_id.removeprefix(OPERATOR)}", caller_id
    return caller_id.removeprefix("user:"), caller_id.removeprefix("user:")
