"""The project's own jobs, called as a worker calls them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from bingproject import jobs


def test_canary_outside_a_cluster() -> None:
    """Somebody runs it by hand: it says its number and touches nothing."""
    assert jobs.canary(7) == "canary 7"


@pytest.mark.django_db
def test_prune_queue_records_says_how_many() -> None:
    """The line an operator sees counts what went."""
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(days=1))
    assert jobs.prune_queue_records() == "1 old records deleted"


@pytest.mark.django_db
def test_prune_queues_says_how_many() -> None:
    """Nobody is gone."""
    assert jobs.prune_queues() == "0 abandoned jobs dropped"
