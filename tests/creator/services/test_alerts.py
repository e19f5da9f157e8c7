"""The alert cause of a queue that waits too long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from creator.models import State
from creator.services import find_alert_causes
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def test_a_long_wait_is_a_cause(settings: Any) -> None:
    """There is one cause per kind; tasks that have left the queue do not count."""
    settings.ALERT_QUEUE_MINUTES = 15
    now = timezone.now()
    assert list(find_alert_causes(now)) == []
    make_task(created_at=now - timedelta(minutes=14))
    make_task(created_at=now - timedelta(hours=5), state=State.POLLING)
    make_task(created_at=now - timedelta(hours=5), state=State.FAILED)
    assert list(find_alert_causes(now)) == []
    make_task(created_at=now - timedelta(minutes=16))
    make_task(created_at=now - timedelta(minutes=17))
    make_task(created_at=now - timedelta(minutes=16), kind="video")
    causes = {cause.name: cause for cause in find_alert_causes(now)}
    assert set(causes) == {"queue of images", "queue of videos"}
    assert "picture" in causes["queue of images"].summary and "15 minutes" in causes["queue of images"].summary
    assert "Runners" in causes["queue of videos"].what_to_do
