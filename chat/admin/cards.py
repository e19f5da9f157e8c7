"""Chat's cards on the dashboard."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince

from bingproject.dashboard import Card, Line, course_card
from chat.services import figures

VIEW = "chat.view_conversation"
LINK_CLASSES = "text-primary-600 dark:text-primary-500"
SHOWN_FAILURES = SHOWN_HOLDERS = 8
SHOWN_DETAIL_CHARACTERS = 60


def work_cards(now: datetime) -> list[Card]:
    """How turns go."""
    return [course_card("Chat", VIEW, figures.read_turns(now), now)]


def failure_cards(now: datetime) -> list[Card]:
    """Turns that failed last, each with a link to its transcript."""
    rows = []
    for turn in figures.newest_failed_turns(SHOWN_FAILURES):
        address = reverse("admin:chat_conversation_change", args=[turn.conversation_id])
        link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, turn.error_code or "failed")
        ago, account = f"{timesince(turn.started_at, now)} ago", str(turn.account or "none")
        rows.append((link, ago, turn.error_detail[:SHOWN_DETAIL_CHARACTERS], account))
    headers = ("error", "when", "detail", "account")
    return [Card("Chat turns failed last", VIEW, headers=headers, rows=rows, empty="Nothing has failed.", is_wide=True)]


def holder_cards(now: datetime) -> list[Card]:
    """Who chats most today."""
    lines = [_holder(*found) for found in figures.busiest_holders(now, SHOWN_HOLDERS)]
    return [Card("Most chat turns today", VIEW, lines=lines, empty="" if lines else "Nobody has chatted yet.")]


def _holder(holder: str, turns: int) -> Line:
    user = "open" if holder == "open" else holder.removeprefix("user:")
    address = f"{reverse('admin:chat_conversation_changelist')}?{urlencode({'user': user})}"
    name = "no key" if holder == "open" else user
    link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, name)
    return Line(link, "", f"{turns:,} turn{pluralize(turns)}")
