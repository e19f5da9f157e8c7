"""Jobs: each calls one service and returns one line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from bingproject.cluster import stop_flag
from bingproject.sandbox.server import SandboxServer
from creator import jobs
from creator.models import State
from creator.services import claims
from tests.factories import make_task
from tests.waiting_jobs import forget_jobs, waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """Remove jobs of other tests."""
    forget_jobs()


def test_drive_leaves_when_the_machine_has_a_runner(bing: SandboxServer) -> None:
    """A surplus nudge is harmless and queues no other."""
    assert claims.open_lease(claims.runner_identity())
    assert jobs.drive() == "no-slot"
    assert waiting_jobs() == []


def test_drive_queues_the_next_slice(bing: SandboxServer, settings: Settings) -> None:
    """As soon as this slice has handed over."""
    settings.RUNNER_SLICE_SECONDS = 0.3
    assert jobs.drive() == "handed over"
    assert [job["func"] for job in waiting_jobs()] == ["creator.jobs.drive"]


def test_drive_queues_nothing_when_it_stops(bing: SandboxServer) -> None:
    """A cluster that stops must not find new work in its queue."""
    stop_flag.prepare()
    stop_flag.request_stop()
    try:
        assert jobs.drive() == "handed over"
    finally:
        stop_flag.prepare()
    assert waiting_jobs() == []


def test_pruning_says_how_many() -> None:
    """In one line for the admin."""
    make_task(state=State.COMPLETED, created_at=timezone.now() - timedelta(days=91))
    make_task(state=State.COMPLETED)
    assert jobs.prune_tasks() == "1 tasks pruned"
