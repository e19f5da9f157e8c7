"""Database outages while a task runs: an accepted task is neither failed nor sent again."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import Account
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from creator.models import State
from tests.creator.engine.running import all_finished, reload, run_until
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db(transaction=True)


def _failing_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the first call of a function fail as in a database outage."""
    module, _, attribute = name.rpartition(".")
    original = getattr(import_module(module), attribute)
    failures = iter([OperationalError("server closed the connection unexpectedly")])

    def fail_once(*arguments: Any, **options: Any) -> Any:
        for error in failures:
            raise error
        return original(*arguments, **options)

    monkeypatch.setattr(name, fail_once)


def test_an_outage_while_bing_works_costs_a_poll_and_not_the_picture(
    bing: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bing has accepted the task, so it is polled again as soon as the database is back."""
    make_account()
    task = make_task()
    _failing_once(monkeypatch, "creator.engine.runner.poll_task")
    run_until(all_finished)
    assert reload(task).state == State.COMPLETED
    assert describe(bing.state)["submits"]["total"] == 1


@pytest.mark.parametrize(
    "question", ["accounts.microsoft.services.renew_session", "creator.services.generation._fast_lane_cooldown_seconds"]
)
def test_an_outage_before_the_submit_requeues_the_task(
    bing: SandboxServer, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Nothing was sent, so the task is sent a moment later."""
    account = make_account()
    if question.endswith("renew_session"):
        Account.objects.filter(pk=account.pk).update(session_at=None)
    task = make_task()
    _failing_once(monkeypatch, question)
    run_until(all_finished)
    assert reload(task).state == State.COMPLETED
    assert describe(bing.state)["submits"]["total"] == 1
