"""Operators' pages for conversations: to find one, to read it unless texts are not kept, to close Bing's end of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    TextFilter,
)
from unfold.decorators import display

from bingproject.pages import MachineRowsAdmin, NewestPaginator, TimeFilter
from chat import services
from chat.models import Conversation, Turn, TurnState

SHOWN_TURNS = 100  # the newest; a page of thousands is read by nobody
STATE_COLOURS = {"answering": "info", "open": "success", "closed": "default"}
STATES = {"answering": "Answering", "open": "Open at Bing", "closed": "Closed at Bing"}


class StateFilter(DropdownFilter):
    """By what it is doing, or by whether Bing's end is open."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The three."""
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Those in it."""
        answering = Q(claimed_until__gt=timezone.now())
        chosen = {
            "answering": answering,
            "open": ~answering & ~Q(sealed_credentials=""),
            "closed": ~answering & Q(sealed_credentials=""),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


class ModelFilter(DropdownFilter):
    """By model; the choices are known, so no query looks for them."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The models."""
        return [(name, name) for name in services.all_models()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Those held with it."""
        return queryset.filter(model=self.value()) if self.value() in services.all_models() else queryset


class FailedFilter(DropdownFilter):
    """By whether the last turn failed."""

    title = "last turn"
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Either."""
        return [("yes", "Failed"), ("no", "Did not fail")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Those."""
        chosen = {"yes": ~Q(last_error=""), "no": Q(last_error="")}
        return queryset.filter(chosen.get(self.value() or "", Q()))


class UserFilter(TextFilter):
    """By who asked: a user's id, or `open` for all who ask without a key."""

    title = "user's id"
    parameter_name = "user"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Theirs."""
        text = (self.value() or "").strip()
        return queryset.filter(of_user(text)) if text else queryset


def of_user(text: str) -> Q:
    """What an operator means by a user: whose key it is, or whom a two-call client named."""
    holders = ["open"] if text in ("open", "no key") else [text, f"user:{text}"]
    return Q(holder__in=holders) | Q(user_id=text)


@admin.register(Conversation)
class ConversationAdmin(MachineRowsAdmin):
    """Conversations: state first; nothing is edited, Bing's end can be closed, what is over can go."""

    hint = (
        "Chats, the last used first. When Bing's end is closed the next message opens another, which is told what was "
        "said before."
    )
    list_display = ("state_shown", "asked_by", "model", "account", "origin", "turn_count", "last_error", "used_at")
    list_display_links = ("state_shown", "asked_by")
    list_filter = (
        StateFilter,
        FailedFilter,
        ModelFilter,
        ("origin", ChoicesDropdownFilter),
        ("account", AutocompleteSelectFilter),
        UserFilter,
        ("used_at", TimeFilter),
    )
    list_filter_submit = True
    sortable_by = ("used_at",)  # any other order would sort them all
    list_select_related = ("account",)
    list_per_page = 25
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator
    search_fields = ("id", "holder", "user_id")
    search_help_text = "A conversation's id, or the user's"
    ordering = ("-used_at", "-id")
    actions = ("close_upstream", "delete_selected_conversations")
    fieldsets = (
        (
            "Conversation",
            {
                "fields": (
                    "state_text",
                    "asked_by",
                    "origin",
                    "model",
                    "created_at",
                    "used_at",
                    "turn_count",
                    "last_error",
                )
            },
        ),
        ("At Bing", {"fields": ("back_end", "account", "opened_at", "upstream_turn_count", "create_count")}),
    )
    readonly_fields = ("state_text", "asked_by")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        """By id when the text is one, else by the user's."""
        text = search_term.strip()
        try:
            found = queryset.filter(pk=uuid.UUID(text))
        except ValueError:
            found = queryset.filter(of_user(text)) if text else queryset
        return found, False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether the actions may be chosen: who may delete conversations may close them."""
        return bool(request.user.has_perm("chat.delete_conversation"))

    @display(description="state", label=STATE_COLOURS)
    def state_shown(self, row: Conversation) -> tuple[str, str]:
        """What it is doing, or whether Bing's end is open."""
        state = state_of(row)
        return state, STATES[state]

    @display(description="state")
    def state_text(self, row: Conversation) -> str:
        """The same in words."""
        return STATES[state_of(row)]

    @display(description="asked by")
    def asked_by(self, row: Conversation) -> str:
        """The key's user; all who ask without a key are one."""
        return "no key" if row.holder == "open" else row.holder.removeprefix("user:")

    def leading_parts(self, row: Conversation) -> Sequence[tuple[str, str]]:
        """What was said, the oldest of the shown turns first."""
        turns = list(row.turns.select_related("account").order_by("-index", "-pk")[:SHOWN_TURNS])[::-1]
        hidden = max(0, row.turns.count() - len(turns))
        shown = {"turns": [show(turn) for turn in turns], "hidden": hidden, "system": row.system}
        return [("Transcript", render_to_string("chat/transcript.html", shown))]

    @admin.action(description="Close Bing's end", permissions=["act"])
    def close_upstream(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Have their next turns open new ones."""
        messages.success(request, f"{services.close_upstream(queryset, timezone.now())} closed.")

    @admin.action(description="Delete with their texts", permissions=["act"])
    def delete_selected_conversations(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Prune them now; one that is being answered stays."""
        messages.success(request, f"{services.delete_conversations(queryset, timezone.now())} deleted.")


def state_of(row: Conversation) -> str:
    """One of `STATES`."""
    if row.claimed_until is not None and row.claimed_until > timezone.now():
        return "answering"
    return "open" if row.sealed_credentials else "closed"


STATE_LABELS = {
    TurnState.RUNNING: "info",
    TurnState.FINISHED: "success",
    TurnState.REFUSED: "warning",
    TurnState.FAILED: "danger",
    TurnState.LEFT: "default",
    TurnState.CUT: "success",
}


def show(turn: Turn) -> dict[str, Any]:
    """A turn as the transcript shows it; only links that a browser may follow are links."""
    links = [source for source in turn.sources if source["url"].startswith(("https://", "http://"))]
    return {
        "turn": turn,
        "sources": links,
        "has_texts": bool(turn.prompt or turn.answer),
        "colour": STATE_LABELS[TurnState(turn.state)],
        "first_text_seconds": seconds_between(turn.started_at, turn.first_text_at),
        "seconds": seconds_between(turn.started_at, turn.finished_at),
    }


def seconds_between(begin: datetime, end: datetime | None) -> str:
    """How long it took, "" when it has no end."""
    return f"{(end - begin).total_seconds():,.1f} s" if end else ""
