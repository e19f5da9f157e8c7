"""What operators want to know of chats at a glance: how turns go, which failed last, who asks most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db.models import Count

from bingproject.rates import Course, Source, read_courses
from chat.models import Turn, TurnState

_OUTCOME = (
    f"CASE WHEN state IN ('{TurnState.FINISHED}', '{TurnState.CUT}') THEN 'made' "
    f"WHEN state = '{TurnState.REFUSED}' THEN 'refused' WHEN state = '{TurnState.FAILED}' THEN 'failed' ELSE '' END"
)


def read_turns(now: datetime) -> Course:
    """How turns went within the last day; a cut one was answered, one whose caller left counts for nothing."""
    longest = timedelta(seconds=settings.CHAT_TURN_SECONDS + 60)
    courses = read_courses(Source("chat_turn", "'chat'", _OUTCOME, "started_at", "finished_at", longest), now)
    return courses.get("chat", Course())


def newest_failed_turns(count: int) -> Sequence[Turn]:
    """The turns that failed last."""
    rows = Turn.objects.filter(state=TurnState.FAILED).select_related("account").order_by("-started_at")
    return list(rows.only("conversation_id", "error_code", "error_detail", "started_at", "account__name")[:count])


def busiest_holders(now: datetime, count: int) -> list[tuple[str, int]]:
    """Who has had most turns since midnight, UTC: key-holder, turns."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
    # A conversation is used when its turn ends: that spares a look at all those that were not used today.
    today = Turn.objects.filter(started_at__gte=midnight, conversation__used_at__gte=midnight)
    rows = today.order_by().values_list("conversation__holder")
    return list(rows.annotate(turns=Count("pk")).order_by("-turns", "conversation__holder")[:count])
