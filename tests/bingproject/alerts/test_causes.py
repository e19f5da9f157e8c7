"""Alerts: when they begin and end, when they are told, and that one machine tells them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bingproject.alerts import causes
from bingproject.alerts.causes import Cause
from bingproject.models import Alert
from tests.receivers import Webhook, serving

NOW = timezone.now()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ONE, TWO = (Cause(f"thing {word}", f"The {word} thing broke.", "Mend it.") for word in ("first", "second"))
happening: list[Cause] = []


def find_happening(now: datetime) -> Iterator[Cause]:
    """What the test says is the matter."""
    yield from happening


@pytest.fixture(autouse=True)
def notified_by_webhook(settings: Any, db: None) -> Iterator[Webhook]:
    """Causes are those of the test, a webhook on loopback is told."""
    happening.clear()
    settings.ALERT_CAUSES = [f"{__name__}.find_happening"]
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    settings.ALERT_EMAIL, settings.ALERT_WEBHOOK_SECRET = [], "secret"
    with serving(Webhook()) as hook:
        settings.ALERT_WEBHOOK_URL = hook.url
        yield hook


def told(hook: Webhook) -> list[list[str]]:
    """The causes of each message."""
    return [[alert["cause"] for alert in json.loads(body)["alerts"]] for _, _, body in hook.seen]


def test_one_message_for_what_began(notified_by_webhook: Webhook) -> None:
    """Two causes at once are one message; the rows know when they were told."""
    happening[:] = [ONE, TWO]
    assert causes.review(NOW) == 2
    assert told(notified_by_webhook) == [["thing first", "thing second"]] or told(notified_by_webhook) == [
        ["thing second", "thing first"]
    ]
    row = Alert.objects.get(pk="thing first")
    assert (row.summary, row.what_to_do, row.began_at, row.notified_at, row.notification_count) == (
        "The first thing broke.", "Mend it.", NOW, NOW, 1,
    )  # fmt: skip
    assert str(row) == "The first thing broke."


def test_what_lasts_is_told_once_and_then_daily(notified_by_webhook: Webhook) -> None:
    """Noticed every half minute, told when it begins and after each further day."""
    happening[:] = [ONE]
    for after in (timedelta(), MINUTE, HOUR + MINUTE, DAY - MINUTE, DAY + MINUTE, DAY + 2 * HOUR):
        causes.review(NOW + after)
    assert len(notified_by_webhook.seen) == 2
    row = Alert.objects.get()
    assert (row.began_at, row.notified_at, row.seen_at) == (NOW, NOW + DAY + MINUTE, NOW + DAY + 2 * HOUR)


def test_what_ended_says_so(notified_by_webhook: Webhook) -> None:
    """The end stands on the row, and nobody is told of it."""
    happening[:] = [ONE, TWO]
    causes.review(NOW)
    happening[:] = [TWO]
    causes.review(NOW + MINUTE)
    assert Alert.objects.get(pk=ONE.name).ended_at == NOW + MINUTE
    assert Alert.objects.get(pk=TWO.name).ended_at is None
    assert len(notified_by_webhook.seen) == 1


def test_what_flaps_is_told_once_an_hour(notified_by_webhook: Webhook) -> None:
    """Ending and beginning again makes it anew, but nobody hears of it twice within an hour."""
    for minutes in range(0, 121, 10):
        happening[:] = [ONE] if minutes % 20 == 0 else []
        causes.review(NOW + minutes * MINUTE)
    assert len(notified_by_webhook.seen) == 3  # at 0, at 60 and at 120 minutes
    assert Alert.objects.get().began_at == NOW + 2 * HOUR


def test_a_failure_is_noted_and_tried_again(settings: Any) -> None:
    """Nobody was told: the row says why, and it is tried again after five minutes, not at once."""
    happening[:] = [ONE]
    with serving(Webhook(404, 404, 200)) as hook:
        settings.ALERT_WEBHOOK_URL = hook.url
        assert [causes.review(NOW + minutes * MINUTE) for minutes in (0, 1, 6, 7, 12)] == [0, 0, 0, 0, 1]
        assert len(hook.seen) == 3
    row = Alert.objects.get()
    assert (row.last_error, row.notification_count, row.notified_at) == ("", 1, NOW + 12 * MINUTE)


def test_the_failure_stands_on_the_row(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Also in the log, without the address."""
    happening[:] = [ONE]
    with serving(Webhook(404)) as hook:
        settings.ALERT_WEBHOOK_URL = f"{hook.url}?token=mark"
        causes.review(NOW)
    assert Alert.objects.get().last_error == "webhook: the other end answered 404"
    assert "answered 404" in caplog.text and "mark" not in caplog.text


def test_nobody_to_tell(settings: Any) -> None:
    """Without a way the rows are kept all the same, and told once there is one."""
    settings.ALERT_WEBHOOK_URL = ""
    happening[:] = [ONE]
    assert causes.review(NOW) == 0
    row = Alert.objects.get()
    assert (row.notified_at, row.last_error) == (None, "")


def test_a_test_leaves_no_row(notified_by_webhook: Webhook) -> None:
    """It goes out, once, and nothing is noted."""
    assert causes.send_test(NOW).delivered == ["webhook"]
    assert told(notified_by_webhook) == [[]] and not Alert.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_machine_tells(notified_by_webhook: Webhook) -> None:
    """Four reviews at the same moment: one message."""
    happening[:] = [ONE]
    causes.note(happening, NOW)
    start = threading.Barrier(4)

    def review() -> None:
        try:
            start.wait(10)
            causes.notify_due(NOW)
        finally:
            connection.close()

    machines = [threading.Thread(target=review) for _ in range(4)]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join(30)
    assert told(notified_by_webhook) == [["thing first"]]
    assert Alert.objects.get().notification_count == 1


def test_the_settings_causes_can_be_asked(settings: Any) -> None:
    """Those of the apps exist and have nothing to say of an empty database."""
    settings.ALERT_CAUSES = ["accounts.microsoft.services.find_alert_causes", "creator.services.find_alert_causes"]
    assert causes.review(NOW) == 0
    assert not Alert.objects.exists()
