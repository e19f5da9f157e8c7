"""The queue's front doors: each calls one service and says in a line what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from bingproject import stopping
from bingproject.sandbox.server import SandboxServer
from creator import jobs
from creator.models import State
from creator.services import claims
from tests.factories import make_task
from tests.waiting_jobs import forget_jobs, waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """No job of another test."""
    forget_jobs()


def test_drive_leaves_when_the_machine_has_a_runner(bing: SandboxServer) -> None:
    """A surplus nudge is harmless and asks for no other."""
    assert claims.open_lease(claims.runner_identity())
    assert jobs.drive() == "no-slot"
    assert waiting_jobs() == []


def test_drive_asks_for_its_successor_at_the_end_of_a_slice(bing: SandboxServer, settings: Settings) -> None:
    """The next slice is in the queue as soon as this one has handed over."""
    settings.RUNNER_SLICE_SECONDS = 0.3
    assert jobs.drive() == "handed over"
    assert [job["func"] for job in waiting_jobs()] == ["creator.jobs.drive"]


def test_drive_asks_for_nothing_when_it_was_told_to_stop(bing: SandboxServer) -> None:
    """A cluster that stops must not find new work in its queue."""
    stopping.prepare()
    stopping.request_stop()
    try:
        assert jobs.drive() == "handed over"
    finally:
        stopping.prepare()
    assert waiting_jobs() == []


def test_pruning_says_how_many() -> None:
    """One line for the admin."""
    make_task(state=State.COMPLETED, created_at=timezone.now() - timedelta(days=91))
    make_task(state=State.COMPLETED)
    assert jobs.prune_tasks() == "1 tasks pruned"
