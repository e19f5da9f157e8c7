"""Requests that accounts have at Bing, counted as the engine counts them, in one query."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from creator.models import State
from creator.services import count_in_flight
from creator.services.claims import account_loads
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db


def test_running_and_possibly_running_tasks_count(django_assert_num_queries: Any) -> None:
    """By account and kind; queued and ended tasks and other accounts do not count."""
    now = timezone.now()
    anna, bert, cleo = (make_account(name) for name in ("anna", "bert", "cleo"))
    for state in (State.SUBMITTING, State.UNCERTAIN, State.POLLING, State.QUEUED, State.COMPLETED):
        make_task(account=anna, state=state)
    make_task(account=anna, state=State.FAILED, slot_until=now + timedelta(minutes=1))
    make_task(account=anna, state=State.FAILED, slot_until=now - timedelta(minutes=1))
    make_task(account=anna, kind="video", state=State.POLLING)
    make_task(account=cleo, state=State.POLLING)
    with django_assert_num_queries(1):
        loads = count_in_flight([anna.pk, bert.pk], now)
    assert loads == {(anna.pk, "image"): 4, (anna.pk, "video"): 1}
    assert account_loads("image", now) == {anna.pk: 4, cleo.pk: 1}
