"""The chores of one tick, over real rows; what is enqueued is written down instead of sent."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import OperationalError

from bingproject.cluster import heartbeat
from bingproject.cluster.brokers import own_broker
from bingproject.cluster.process_registry import Registration
from bingproject.cluster.watchdog import (
    CANARY,
    CANARY_EVERY_SECONDS,
    CANARY_PATIENCE_SECONDS,
    NUDGE_AGAIN_SECONDS,
    Canary,
    Nudges,
    Watchdog,
)
from bingproject.models import Machine, Periodic

answers: dict[str, Any] = {}
sent: list[tuple[Any, ...]] = []


def enqueue(*job: Any) -> None:
    """In place of the queue."""
    sent.append(job)


def question() -> bool:
    """A question of settings.CLUSTER_NUDGES: says what the test wants."""
    answer = answers["question"]
    if isinstance(answer, Exception):
        raise answer
    return bool(answer)


@pytest.fixture(autouse=True)
def clean() -> None:
    """Nothing was sent yet, the question says no."""
    sent.clear()
    answers["question"] = False


@pytest.fixture
def beat() -> heartbeat.Heartbeat:
    """A cluster whose guard has beaten once, with a worker that could take a job."""
    beat = heartbeat.Heartbeat()
    beat.beat(1)
    return beat


def test_engine_rule_12_canary_that_comes_through(beat: heartbeat.Heartbeat) -> None:
    """Each canary is run and acknowledged: nothing is lost, however long it goes on."""
    canary = Canary(beat, enqueue)
    for step in range(20):
        assert not canary.is_lost(step * CANARY_EVERY_SECONDS)
        beat.mark_canary_run(step + 1)
        beat.mark_canary_acknowledged(step + 1)
    assert sent == [(CANARY, step + 1) for step in range(20)]


@pytest.mark.parametrize("is_run", [True, False])
def test_engine_rule_12_canary_not_run_or_not_acknowledged_is_lost(beat: heartbeat.Heartbeat, is_run: bool) -> None:
    """Ten seconds with a free worker, and none was run, or run and not acknowledged: the cluster hangs."""
    canary = Canary(beat, enqueue)
    assert not canary.is_lost(0)
    if is_run:
        beat.mark_canary_run(99)
    assert not canary.is_lost(CANARY_PATIENCE_SECONDS)
    assert canary.is_lost(CANARY_PATIENCE_SECONDS + 0.1)


def test_engine_rule_12_one_lost_canary_is_no_hang(beat: heartbeat.Heartbeat) -> None:
    """Redis may lose one: the next that comes through is proof enough."""
    canary = Canary(beat, enqueue)
    assert not canary.is_lost(0)
    assert not canary.is_lost(CANARY_EVERY_SECONDS)
    beat.mark_canary_run(2)
    beat.mark_canary_acknowledged(2)
    assert not canary.is_lost(CANARY_PATIENCE_SECONDS + 1)


def test_engine_rule_12_busy_workers_and_outages_are_no_hang(beat: heartbeat.Heartbeat) -> None:
    """While every worker is busy the wait does not count; what was sent before an outage proves nothing."""
    canary = Canary(beat, enqueue)
    assert not canary.is_lost(0)
    beat.beat(0)
    assert not canary.is_lost(100)
    beat.beat(1)
    assert not canary.is_lost(100 + CANARY_PATIENCE_SECONDS)
    canary.forget()
    assert not canary.is_lost(200)


def test_nudges_are_sent_once_until_their_time_is_over(settings: Any) -> None:
    """A yes enqueues the job; the next yes waits; after a no the next yes counts at once."""
    settings.CLUSTER_NUDGES = [(f"{__name__}.question", "some.job")]
    nudges = Nudges(enqueue)
    nudges.ask(0)
    assert sent == []
    answers["question"] = True
    for now in (1, 1.5, 1 + NUDGE_AGAIN_SECONDS - 0.1):
        nudges.ask(now)
    assert sent == [("some.job",)]
    nudges.ask(1 + NUDGE_AGAIN_SECONDS)
    assert sent == [("some.job",)] * 2
    answers["question"] = False
    nudges.ask(5)
    answers["question"] = True
    nudges.ask(5.5)
    assert sent == [("some.job",)] * 3


@pytest.mark.django_db(transaction=True)  # it drops a connection that failed, which ends a transaction
def test_a_chore_that_fails_is_logged_once_and_outlived(
    settings: Any, beat: heartbeat.Heartbeat, caplog: pytest.LogCaptureFixture
) -> None:
    """The database is out of reach for a while: the watchdog says so once and does its other chores."""
    settings.CLUSTER_NUDGES = [(f"{__name__}.question", f"{__name__}.question")]
    settings.CLUSTER_PERIODIC = {"some.job": 60}
    watchdog = Watchdog(beat, own_broker(), Registration("cluster"))
    answers["question"] = OperationalError("gone")
    with caplog.at_level(logging.ERROR):
        assert [watchdog.tick() for _ in range(3)] == [False] * 3
    assert [record.message for record in caplog.records] == ["The watchdog could not do a chore; it goes on."]
    assert Machine.objects.count() == 1
    assert Periodic.objects.count() == 1
    watchdog.leave()
    assert Machine.objects.count() == 0
