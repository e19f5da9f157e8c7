"""Alerts: what an operator should know of, found every half minute and told once.

Apps say what is the matter (ALERT_CAUSES), a row remembers it, one UPDATE decides which machine tells it. A cause is
told when it begins and then once a day while it lasts; whatever happens, never twice within an hour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils.module_loading import import_string

from bingproject import telling
from bingproject.models import Alert

APART = timedelta(hours=1)
AGAIN_AFTER = timedelta(days=1)
# When nobody could be told, it is tried again so soon.
RETRY_AFTER = timedelta(minutes=5)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is the matter now.

    Shape: `name` is the same for as long as it lasts, e.g. "account 3"; `what_to_do` is for somebody half asleep.
    """

    name: str
    summary: str
    what_to_do: str


CauseFinder = Callable[[datetime], Iterable[Cause]]


def review(now: datetime) -> int:
    """Note what began and what ended, and tell what is due; how many alerts were told by this call."""
    finders: list[CauseFinder] = [import_string(name) for name in settings.ALERT_CAUSES]
    causes = [cause for finder in finders for cause in finder(now)]
    note(causes, now)
    return tell_due(now)


def note(causes: Sequence[Cause], now: datetime) -> None:
    """Rows for what is the matter; what is not any more has ended."""
    for cause in causes:
        told = {"summary": cause.summary[:300], "what_to_do": cause.what_to_do[:500], "seen_at": now}
        row, is_new = Alert.objects.get_or_create(cause=cause.name[:200], defaults=told | {"began_at": now})
        if is_new:
            continue
        if not Alert.objects.filter(pk=row.pk, ended_at=None).update(**told):
            Alert.objects.filter(pk=row.pk).exclude(ended_at=None).update(**told, began_at=now, ended_at=None)
    names = [cause.name[:200] for cause in causes]
    # Another machine may have seen what began since we looked.
    gone = Alert.objects.filter(ended_at=None, seen_at__lte=now).exclude(cause__in=names)
    gone.update(ended_at=now)


def tell_due(now: datetime) -> int:
    """Tell, in one message, what is due and what no other machine took first; how many."""
    if not telling.has_channel():
        return 0
    due = Alert.objects.filter(_is_due(now)).values_list("pk", flat=True)
    taken = [pk for pk in due if _take(pk, now)]
    if not taken:
        return 0
    alerts = list(Alert.objects.filter(pk__in=taken))
    outcome = telling.tell(telling.message(alerts, now))
    faults = "; ".join(outcome.faults)[:300]
    # What went out by one of two ways is told: the other way's fault stands on the row.
    if outcome.is_told:
        Alert.objects.filter(pk__in=taken).update(last_error=faults, told_count=F("told_count") + 1)
    else:
        Alert.objects.filter(pk__in=taken).update(last_error=faults, told_at=now - APART + RETRY_AFTER)
    if faults:
        logger.error("Alerts could not be told: %s", faults)
    return len(taken) if outcome.is_told else 0


def send_test(now: datetime) -> telling.Outcome:
    """A message that says it is a test, by every way that is set; it leaves no row."""
    return telling.tell(telling.message([], now), tries=1)


def _take(pk: str, now: datetime) -> bool:
    """Only one machine's statement finds the row as it was."""
    return bool(Alert.objects.filter(_is_due(now), pk=pk).update(told_at=now))


def _is_due(now: datetime) -> Q:
    rested = Q(told_at=None) | Q(told_at__lte=now - APART)
    # Never told, begun anew since, failed to be told, or told long ago.
    wanted = Q(told_at=None) | Q(began_at__gt=F("told_at")) | ~Q(last_error="") | Q(told_at__lte=now - AGAIN_AFTER)
    return Q(ended_at=None) & rested & wanted
