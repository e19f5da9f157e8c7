"""Find what needs an operator every half minute, and notify operators of it once.

Apps report causes (ALERT_CAUSES), a row stores each one, and one UPDATE decides which machine sends the notification.
A cause is notified when it begins and then once a day while it lasts, but never twice within an hour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils.module_loading import import_string

from bingproject.alerts import notifications
from bingproject.models import Alert

APART = timedelta(hours=1)
AGAIN_AFTER = timedelta(days=1)
# Shorter than APART: when every channel failed, nobody has been notified yet.
RETRY_AFTER = timedelta(minutes=5)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cause:
    """A condition that needs an operator now.

    `name` stays the same while the condition lasts, e.g. "account 3". `what_to_do` must be clear to somebody half
    asleep.
    """

    name: str
    summary: str
    what_to_do: str


CauseFinder = Callable[[datetime], Iterable[Cause]]


def review(now: datetime) -> int:
    """Store what began and what ended, send what is due, and return how many alerts this call notified."""
    finders: list[CauseFinder] = [import_string(name) for name in settings.ALERT_CAUSES]
    causes = [cause for finder in finders for cause in finder(now)]
    note(causes, now)
    return notify_due(now)


def note(causes: Sequence[Cause], now: datetime) -> None:
    """Store a row for each cause, and mark the rows whose cause is gone as ended."""
    for cause in causes:
        fields = {"summary": cause.summary[:300], "what_to_do": cause.what_to_do[:500], "seen_at": now}
        row, is_new = Alert.objects.get_or_create(cause=cause.name[:200], defaults=fields | {"began_at": now})
        if is_new:
            continue
        if not Alert.objects.filter(pk=row.pk, ended_at=None).update(**fields):
            Alert.objects.filter(pk=row.pk).exclude(ended_at=None).update(**fields, began_at=now, ended_at=None)
    names = [cause.name[:200] for cause in causes]
    # `seen_at__lte`: another machine may have stored a newer cause after this one looked.
    gone = Alert.objects.filter(ended_at=None, seen_at__lte=now).exclude(cause__in=names)
    gone.update(ended_at=now)


def notify_due(now: datetime) -> int:
    """Send the due alerts that no other machine took first, in one message, and return how many."""
    if not notifications.has_channel():
        return 0
    due = Alert.objects.filter(_is_due(now)).values_list("pk", flat=True)
    taken = [pk for pk in due if _take(pk, now)]
    if not taken:
        return 0
    alerts = list(Alert.objects.filter(pk__in=taken))
    outcome = notifications.notify(notifications.message(alerts, now))
    faults = "; ".join(outcome.faults)[:300]
    # One channel is enough to count as notified; the other channel's fault is kept on the row.
    if outcome.is_notified:
        Alert.objects.filter(pk__in=taken).update(last_error=faults, notification_count=F("notification_count") + 1)
    else:
        Alert.objects.filter(pk__in=taken).update(last_error=faults, notified_at=now - APART + RETRY_AFTER)
    if faults:
        logger.error("Alerts could not be delivered: %s", faults)
    return len(taken) if outcome.is_notified else 0


def send_test(now: datetime) -> notifications.Outcome:
    """Send a test message through every configured channel, without storing a row."""
    return notifications.notify(notifications.message([], now), tries=1)


def _take(pk: str, now: datetime) -> bool:
    # The UPDATE repeats the condition, so only one machine's statement matches the row.
    return bool(Alert.objects.filter(_is_due(now), pk=pk).update(notified_at=now))


def _is_due(now: datetime) -> Q:
    is_first = Q(notified_at=None)
    began_again = Q(began_at__gt=F("notified_at"))
    has_failed = ~Q(last_error="")
    is_old = Q(notified_at__lte=now - AGAIN_AFTER)
    is_apart = is_first | Q(notified_at__lte=now - APART)
    return Q(ended_at=None) & is_apart & (is_first | began_again | has_failed | is_old)
