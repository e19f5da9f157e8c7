"""Errors of the database while a runner works: no lease is left behind, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from creator.models import Runner as RunnerRow
from creator.models import State, Task, TaskEvent
from tests.creator.engine.running import all_finished, refuse_updates, reload, run_until
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "step", ["creator.services.restores.cancel_if_restored", "creator.engine.runner.recent_durations"]
)
def test_a_database_error_before_the_first_tick_gives_the_lease_back(
    bing: SandboxServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The next runner need not wait until the lease lapses."""

    def fail(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OperationalError):
        run_until(lambda: False, limit_seconds=5)
    assert not RunnerRow.objects.exists()


@pytest.fixture
def refused_outcomes() -> Iterator[None]:
    """Let the database refuse both the acceptance of a task and its doubt after a bug."""
    with refuse_updates("NEW.state = 'polling' OR NEW.error_detail LIKE 'internal:%'"):
        yield


def test_engine_rule_06_a_request_whose_outcome_cannot_be_written_is_not_sent_again(
    bing: SandboxServer, refused_outcomes: None, settings: Settings
) -> None:
    """The sweep makes it uncertain."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 1.0
    make_account()
    task = make_task()
    run_until(lambda: reload(task).state == State.UNCERTAIN)
    assert reload(task).state == State.UNCERTAIN
    Task.objects.filter(pk=task.pk).update(submit_at=timezone.now() - timedelta(minutes=2))
    run_until(all_finished)
    task = reload(task)
    assert (task.state, task.error_code, task.attempt_count) == (State.FAILED, "submit_outcome_unknown", 1)
    assert describe(bing.state)["submits"]["total"] == 1
    assert not TaskEvent.objects.filter(task=task, kind="requeued").exists()
