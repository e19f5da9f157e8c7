"""Chat's cards on the dashboard."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince

from bingproject.operators.dashboard import Card, CardLine, course_card
from chat.services import statistics

VIEW = "chat.view_conversation"
LINK_CLASSES = "text-primary-600 dark:text-primary-500"
SHOWN_FAILURES = SHOWN_CALLERS = 8
SHOWN_DETAIL_CHARACTERS = 60


def work_cards(now: datetime) -> list[Card]:
    """Return the statistics of turns."""
    return [course_card("Chat", VIEW, statistics.read_turns(now), now)]


def failure_cards(now: datetime) -> list[Card]:
    """Return the turns that failed last, with links to their transcripts."""
    rows = []
    for turn in statistics.newest_failed_turns(SHOWN_FAILURES):
        address = reverse("admin:chat_conversation_change", args=[turn.conversation_id])
        link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, turn.error_code or "failed")
        ago, account = f"{timesince(turn.started_at, now)} ago", str(turn.account or "none")
        rows.append((link, ago, turn.error_detail[:SHOWN_DETAIL_CHARACTERS], account))
    headers = ("error", "when", "detail", "account")
    return [
        Card("Latest failed chat turns", VIEW, headers=headers, rows=rows, empty="Nothing has failed.", is_wide=True)
    ]


def caller_cards(now: datetime) -> list[Card]:
    """Return the callers with the most turns today."""
    lines = [_caller_line(*found) for found in statistics.busiest_callers(now, SHOWN_CALLERS)]
    return [Card("Most chat turns today", VIEW, lines=lines, empty="" if lines else "Nobody has chatted yet.")]


def _caller_line(caller_id: str, turns: int) -> CardLine:
    user = "open" if caller_id == "open" else caller_id.removeprefix("user:")
    address = f"{reverse('admin:chat_conversation_changelist')}?{urlencode({'user': user})}"
    name = "no key" if caller_id == "open" else user
    link = format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, name)
    return CardLine(link, "", f"{turns:,} turn{pluralize(turns)}")
