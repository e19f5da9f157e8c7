"""The admin's pages for conversations: find and read them if texts are stored, and close upstream conversations."""

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
from unfold.views import ChangeList

from bingproject.conf.environment import SettingError
from bingproject.operators.base_admin import MachineRowsAdmin, NewestPaginator, TimeFilter
from chat import services
from chat.models import Conversation, Turn, TurnState

SHOWN_CHARACTERS = 60  # of the first question
SHOWN_TURNS = 100  # the newest ones; thousands would make the page unusable
UNDECRYPTABLE = "The system prompt cannot be decrypted with any key in SEAL_KEYS."
STATE_COLOURS = {"answering": "info", "open": "success", "closed": "default"}
STATES = {"answering": "Answering", "open": "Open", "closed": "Closed"}


class StateFilter(DropdownFilter):
    """Filter by state: answering, or with an open or closed upstream conversation."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the three states."""
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Return the conversations in the chosen state."""
        answering = Q(claimed_until__gt=timezone.now())
        chosen = {
            "answering": answering,
            "open": ~answering & ~Q(encrypted_credentials=""),
            "closed": ~answering & Q(encrypted_credentials=""),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


class ModelFilter(DropdownFilter):
    """Filter by model. The choices come from the catalogue, so they need no query."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the models."""
        return [(name, name) for name in services.all_models()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Return the conversations with the chosen model."""
        return queryset.filter(model=self.value()) if self.value() in services.all_models() else queryset


class FailedFilter(DropdownFilter):
    """Filter by whether the last turn failed."""

    title = "last turn"
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return both choices."""
        return [("yes", "Failed"), ("no", "Did not fail")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Return the matching conversations."""
        chosen = {"yes": ~Q(last_error=""), "no": Q(last_error="")}
        return queryset.filter(chosen.get(self.value() or "", Q()))


class UserFilter(TextFilter):
    """Filter by caller: a user's id, or `open` for all callers without a key."""

    title = "user's id"
    parameter_name = "user"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Return the caller's conversations."""
        text = (self.value() or "").strip()
        return queryset.filter(of_user(text)) if text else queryset


def of_user(text: str) -> Q:
    """Return the condition for a user: the owner of a key, or the user that a two-call client named."""
    caller_ids = ["open"] if text in ("open", "no key") else [text, f"user:{text}"]
    return Q(caller_id__in=caller_ids) | Q(user_id=text)


def named_user(text: str) -> Q:
    """Return the condition for a search. Callers without a key are found by the filter only, since `open` is a word."""
    name = text.removeprefix("user:")
    return Q(caller_id=f"user:{name}") | Q(user_id=name)


class ConversationList(ChangeList):
    """A page of conversations with their first words, by one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows and their first words."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]  # set by the theme's own base
        found = services.first_words([row.pk for row in rows], SHOWN_CHARACTERS)
        for row in rows:
            row.first_words = found.get(row.pk, "")
        self.result_list = rows


@admin.register(Conversation)
class ConversationAdmin(MachineRowsAdmin):
    """Conversations, read-only; upstream conversations can be closed, and finished chats deleted."""

    hint = (
        "Chats, the last used first. When the service's end is closed the next message opens another, which is told "
        "what was said before."
    )
    empty_text = "Nobody has chatted yet. A chat begins with POST /v1/chat/completions."
    live_seconds = 5
    list_display = ("state_shown", "begins", "asked_by", "model", "account", "turn_count", "last_error", "used_at")
    list_display_links = ("state_shown", "begins")
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
    sortable_by = ("used_at",)  # indexed; any other order would sort all rows
    list_select_related = ("account",)
    list_per_page = 25
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator
    search_fields = ("id", "caller_id", "user_id")
    search_help_text = "Words of a question, an id, a user's id"
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
        ("At the service", {"fields": ("back_end", "account", "opened_at", "upstream_turn_count", "create_count")}),
    )
    readonly_fields = ("state_text", "asked_by")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        """Search by id if the text is a UUID, else for all its words in questions, or for the user's whole id."""
        text = search_term.strip()
        try:
            found = queryset.filter(pk=uuid.UUID(text))
        except ValueError:
            found = queryset.filter(services.saying(text) | named_user(text)) if text else queryset
        return found, False

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ConversationList]:
        """Return the class of the list."""
        return ConversationList

    def has_act_permission(self, request: HttpRequest) -> bool:
        """True if the actions may be used: operators who may delete conversations may close them."""
        return bool(request.user.has_perm("chat.delete_conversation"))

    @display(description="state", label=STATE_COLOURS)
    def state_shown(self, row: Conversation) -> tuple[str, str]:
        """Return the state for the list."""
        state = state_of(row)
        return state, STATES[state]

    @display(description="state")
    def state_text(self, row: Conversation) -> str:
        """Return the state in words."""
        return STATES[state_of(row)]

    @display(description="first words")
    def begins(self, row: Any) -> str:
        """Return the beginning of its first question; "" if texts are not stored."""
        text = " ".join(row.first_words.split())
        return text if len(text) < SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"

    @display(description="asked by")
    def asked_by(self, row: Conversation) -> str:
        """Return the user of the key; callers without a key are shown as one."""
        return "no key" if row.caller_id == "open" else row.caller_id.removeprefix("user:")

    def leading_parts(self, row: Conversation) -> Sequence[tuple[str, str]]:
        """Return the transcript, oldest turn first."""
        turns = list(row.turns.select_related("account").order_by("-index", "-pk")[:SHOWN_TURNS])[::-1]
        hidden = max(0, row.turns.count() - len(turns))
        shown = {"turns": [show(turn) for turn in turns], "hidden": hidden, "system": system_of(row)}
        return [("Transcript", render_to_string("chat/transcript.html", shown))]

    @admin.action(description="Close the service's end", permissions=["act"])
    def close_upstream(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Close the upstream conversations, so that the next turns open others."""
        messages.success(request, f"{services.close_upstream(queryset, timezone.now())} closed.")

    @admin.action(description="Delete with their texts", permissions=["act"])
    def delete_selected_conversations(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Delete the chosen conversations, except those with a running turn."""
        messages.success(request, f"{services.delete_conversations(queryset, timezone.now())} deleted.")


def system_of(row: Conversation) -> str:
    """Return the system prompt, or why it cannot be decrypted."""
    try:
        return row.system
    except SettingError:
        return UNDECRYPTABLE


def state_of(row: Conversation) -> str:
    """Return one of `STATES`."""
    if row.claimed_until is not None and row.claimed_until > timezone.now():
        return "answering"
    return "open" if row.encrypted_credentials else "closed"


STATE_LABELS = {
    TurnState.RUNNING: "info",
    TurnState.FINISHED: "success",
    TurnState.REFUSED: "warning",
    TurnState.FAILED: "danger",
    TurnState.LEFT: "default",
    TurnState.CUT: "success",
}


def show(turn: Turn) -> dict[str, Any]:
    """Return a turn for the transcript. Only http and https addresses become links."""
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
    """Return how long it took, "" without an end."""
    return f"{(end - begin).total_seconds():,.1f} s" if end else ""
