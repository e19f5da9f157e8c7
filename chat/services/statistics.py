"""Statistics of chats for the dashboard: outcomes of turns, latest failures, busiest callers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db.models import Count

from bingproject.database.statistics import Course, StatisticsSource, read_courses
from chat.models import Turn, TurnState

_OUTCOME = (
    f"CASE WHEN state IN ('{TurnState.FINISHED}', '{TurnState.CUT}') THEN 'made' "
    f"WHEN state = '{TurnState.REFUSED}' THEN 'refused' WHEN state = '{TurnState.FAILED}' THEN 'failed' ELSE '' END"
)


def read_turns(now: datetime) -> Course:
    """Return the outcomes of the last day's turns. A truncated turn was answered; an abandoned one does not count."""
    longest = timedelta(seconds=settings.CHAT_TURN_SECONDS + 60)
    courses = read_courses(StatisticsSource("chat_turn", "'chat'", _OUTCOME, "started_at", "finished_at", longest), now)
    return courses.get("chat", Course())


def newest_failed_turns(count: int) -> Sequence[Turn]:
    """Return the turns that failed last."""
    rows = Turn.objects.filter(state=TurnState.FAILED).select_related("account").order_by("-started_at")
    return list(rows.only("conversation_id", "error_code", "error_detail", "started_at", "account__name")[:count])


def busiest_callers(now: datetime, count: int) -> list[tuple[str, int]]:
    """Return the callers with the most turns since midnight UTC, and their number."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
    # `used_at` is set when a turn ends, so conversations that were not used today need not be read.
    today = Turn.objects.filter(started_at__gte=midnight, conversation__used_at__gte=midnight)
    rows = today.order_by().values_list("conversation__caller_id")
    return list(rows.annotate(turns=Count("pk")).order_by("-turns", "conversation__caller_id")[:count])
