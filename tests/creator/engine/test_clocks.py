"""The time of day jumps while tasks run, and comes back: no task fails, none waits for hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bingproject.cluster.clock_correction import SteadyClock
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from creator.engine import runner
from creator.engine.poll_schedule import PollSchedule
from creator.engine.runner import RunnerSlice
from creator.models import State, Task
from creator.services import claims
from creator.services.durations import recent_durations
from tests.creator.engine.running import all_finished, reload, run_until
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db(transaction=True)
AHEAD = timedelta(hours=2)


class Clock:
    """The time of day that Django returns, set by the test."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the set time."""
        return self._now() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the time of day that the engine uses."""
    found = Clock(timezone.now)
    monkeypatch.setattr(timezone, "now", found)
    # A clock of the test's own, begun at the right time, because its correction must not affect other tests.
    monkeypatch.setattr(runner, "steady_clock", SteadyClock())
    return found


@pytest.mark.parametrize("jump", [AHEAD, -AHEAD, timedelta(days=10)], ids=["ahead", "back", "ten days ahead"])
def test_a_jump_expires_nothing_that_runs(bing: SandboxServer, clock: Clock, jump: timedelta) -> None:
    """Accepted before the jump, finished after it: the picture is delivered, and nothing is sent twice."""
    make_account()
    task = make_task(prompt="x sandbox:seconds=2")

    def jump_while_it_runs() -> bool:
        if Task.objects.filter(pk=task.pk, state=State.POLLING).exists():
            clock.ahead = jump
        return all_finished()

    run_until(jump_while_it_runs)
    assert (reload(task).state, reload(task).error_code) == (State.COMPLETED, "")
    assert describe(bing.state)["submits"]["total"] == 1


def test_a_task_accepted_while_the_clock_ran_ahead_is_finished(bing: SandboxServer, clock: Clock) -> None:
    """And so are tasks that wait behind it, although the clock is right again."""
    make_account()
    clock.ahead = AHEAD
    first = make_task(prompt="x sandbox:seconds=2")
    second = make_task(prompt="y")

    def set_right_while_it_runs() -> bool:
        if Task.objects.filter(pk=first.pk, state=State.POLLING).exists():
            clock.ahead = timedelta()
        return all_finished()

    run_until(set_right_while_it_runs)
    assert [reload(task).state for task in (first, second)] == [State.COMPLETED] * 2


def test_times_written_by_a_clock_that_ran_ahead_delay_nothing(bing: SandboxServer) -> None:
    """A task of an earlier worker with times in the future is adopted, polled and finished without a pause of hours."""
    account = make_account()
    task = make_task(prompt="x")
    run_until(lambda: reload(task).state == State.POLLING)
    later = timezone.now() + AHEAD
    Task.objects.filter(pk=task.pk).update(
        state=State.POLLING, runner=None, account=account, submit_at=later, accepted_at=later, finished_at=None,
        deadline_at=later + timedelta(seconds=900),
    )  # fmt: skip
    delayed = make_task(prompt="y", created_at=later, next_at=later)
    run_until(all_finished)
    assert [reload(row).state for row in (task, delayed)] == [State.COMPLETED] * 2


def test_a_slot_is_taken_no_longer_than_usual() -> None:
    """A `slot_until` hours ahead was written by such a clock; one within the usual time counts."""
    account = make_account()
    now = timezone.now()
    for until in (now + AHEAD, now + timedelta(seconds=60)):
        make_task(state=State.FAILED, account=account, slot_until=until)
    assert claims.account_loads("image", now) == {account.pk: 1}


def test_impossible_durations_are_not_learnt() -> None:
    """Neither a negative duration nor one beyond the deadline predicts the next one."""
    now = timezone.now()
    for seconds in (-7200, 7200, 5):
        make_task(state=State.COMPLETED, accepted_at=now - timedelta(seconds=seconds), finished_at=now)
    assert recent_durations() == [(("image", "DALLE", ""), 5.0)]
    assert PollSchedule().pause_seconds(("image", "DALLE", ""), 0.0) < 3


@pytest.mark.slow
def test_waiting_tasks_outlive_a_jump(bing: SandboxServer, clock: Clock) -> None:
    """Queued tasks do not expire because a clock was ahead for a moment."""
    if connection.vendor == "postgresql":
        pytest.skip("the database's own clock is asked")
    waiting = make_task(kind="video", next_at=timezone.now() + timedelta(seconds=50))
    task = make_task()
    make_account()

    def jump_once() -> bool:
        clock.ahead = AHEAD if reload(task).is_finished else timedelta()
        return bool(clock.ahead) and claims.has_live_runner() and _has_swept()

    polls: list[int] = []

    def _has_swept() -> bool:
        polls.append(1)
        return len(polls) > 60

    run_until(jump_once)
    assert reload(waiting).state in (State.QUEUED, State.POLLING, State.COMPLETED)


def test_a_slice_that_begins_while_the_clock_is_ahead_expires_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker knows the time from before; tasks that are late by the right clock do expire."""
    monkeypatch.setattr(claims, "database_now", timezone.now)
    waiting, late = make_task(), make_task(deadline_at=timezone.now() - timedelta(seconds=1))
    clock.ahead = AHEAD
    for _ in range(2):
        RunnerSlice(ConnectionPool())._sweep_rows(frozenset(), frozenset())
    assert [reload(task).state for task in (waiting, late)] == [State.QUEUED, State.EXPIRED]
