"""What the list of tasks can be narrowed to: each filter has an index, none asks the database for its choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from bingproject.errors import OWNER
from creator.models import Kind, Task
from creator.protocol import MODELS


class ModelFilter(DropdownFilter):
    """By image model."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The models."""
        return [(name, name) for name in MODELS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Pictures of that model."""
        return queryset.filter(kind=Kind.IMAGE, model=self.value()) if self.value() in MODELS else queryset


class ErrorFilter(DropdownFilter):
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


class UserFilter(TextFilter):
    """By who asked: a user's id, or `open` for all who ask without a key."""

    title = "user's id"
    parameter_name = "user"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Theirs."""
        text = (self.value() or "").strip()
        return queryset.filter(holder__in=holders_of(text)) if text else queryset


def holders_of(text: str) -> tuple[str, ...]:
    """The key-holders that an operator may mean by a word."""
    return ("open",) if text in ("open", "no key") else (f"user:{text.removeprefix('user:')}",)
