"""Claims: exact limits, fair order, leases, and the tasks of dead runners."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountCapability, AccountState, Lease
from creator.models import Runner, State, Task
from creator.services import claims
from tests.factories import make_account, make_runner, make_task, set_capability

HERE, THERE = "here/boot/1/1/1/a", "there/boot/1/1/1/b"

pytestmark = pytest.mark.django_db(transaction=True)


def _claim(count: int = 16, runner: str = HERE) -> list[Task]:
    return claims.claim(runner, ["image"], count)


def test_a_claim_gives_the_least_loaded_account_with_room() -> None:
    """The least loaded account gets the task, and none more than its limit."""
    make_runner(id=HERE)
    busy, idle = make_account("busy"), make_account("idle")
    set_capability(busy, "image", limit=2)
    set_capability(idle, "image", limit=2)
    make_task(state=State.POLLING, account=busy, runner=HERE)
    for number in range(5):
        make_task(prompt=str(number))
    claimed = _claim()
    assert [task.account_id for task in claimed].count(idle.pk) == 2
    assert [task.account_id for task in claimed].count(busy.pk) == 1
    assert Task.objects.filter(state=State.QUEUED).count() == 2


def test_between_equals_the_account_that_waited_longest_is_served() -> None:
    """Of two idle accounts, the one served least recently gets the task."""
    make_runner(id=HERE)
    recent, long_ago = make_account("recent"), make_account("long-ago")
    set_capability(recent, "image", served_at=timezone.now())
    set_capability(long_ago, "image", served_at=timezone.now() - timedelta(hours=1))
    make_task()
    assert _claim()[0].account_id == long_ago.pk


@pytest.mark.parametrize("state", [AccountState.EXPIRED, AccountState.CHALLENGED, AccountState.BLOCKED])
def test_an_unusable_account_gets_nothing(state: AccountState) -> None:
    """Only unchecked and signed-in accounts get tasks."""
    make_runner(id=HERE)
    make_account(state=state)
    make_task()
    assert _claim() == []


def test_disabled_and_cooling_accounts_get_nothing() -> None:
    """Disabled accounts, those in a cooldown for images, and those with limit 0 get no images."""
    make_runner(id=HERE)
    make_account(is_enabled=False)
    set_capability(make_account(), "image", cooldown_until=timezone.now() + timedelta(minutes=1))
    set_capability(make_account(), "image", limit=0)
    make_task()
    assert _claim() == []


def test_a_cooldown_of_images_does_not_affect_videos() -> None:
    """A cooldown belongs to one capability."""
    make_runner(id=HERE)
    set_capability(make_account(), "image", cooldown_until=timezone.now() + timedelta(minutes=1))
    make_task(kind="video")
    assert len(claims.claim(HERE, ["image", "video"], 16)) == 1


def test_fair_order_between_callers() -> None:
    """A caller with one task does not wait behind another's hundred; who has fewer running comes first."""
    make_runner(id=HERE)
    set_capability(make_account(), "image", limit=4)
    for number in range(20):
        make_task(prompt=str(number), caller_id="user:many")
    make_task(prompt="mine", caller_id="user:one", created_at=timezone.now() + timedelta(seconds=1))
    first = _claim(2)
    assert {task.caller_id for task in first} == {"user:many", "user:one"}
    make_task(prompt="mine again", caller_id="user:third", created_at=timezone.now() + timedelta(seconds=2))
    assert _claim(1)[0].caller_id == "user:third"


def test_tasks_of_one_caller_keep_their_order() -> None:
    """Within a caller, the oldest task comes first."""
    make_runner(id=HERE)
    set_capability(make_account(), "image", limit=10)
    now = timezone.now()
    for number in (3, 1, 2):
        make_task(prompt=str(number), created_at=now + timedelta(seconds=number))
    assert [task.prompt for task in _claim()] == ["1", "2", "3"]


def test_a_delayed_task_is_not_claimed() -> None:
    """A task whose `next_at` is in the future is not due."""
    make_runner(id=HERE)
    make_account()
    make_task(next_at=timezone.now() + timedelta(seconds=30))
    assert claims.due_kinds(timezone.now()) == []
    assert _claim() == []


def test_an_account_that_refused_the_task_is_tried_last() -> None:
    """Any other usable account is preferred."""
    make_runner(id=HERE)
    first, second = make_account("first"), make_account("second")
    set_capability(second, "image", served_at=timezone.now())
    make_task(tried_accounts=[first.pk])
    assert _claim()[0].account_id == second.pk


def test_a_runner_without_a_lease_claims_nothing() -> None:
    """The lease is checked in the claiming transaction."""
    make_account()
    make_task()
    make_runner(id=HERE, lease_until=timezone.now() - timedelta(seconds=1))
    assert _claim() == []
    assert _claim(runner=THERE) == []


def test_engine_rule_07_what_may_still_run_at_bing_keeps_its_slot() -> None:
    """Uncertain rows, and ended rows until their `slot_until`, count against the account's limit."""
    make_runner(id=HERE)
    account = make_account()
    set_capability(account, "image", limit=3)
    soon = timezone.now() + timedelta(seconds=60)
    make_task(state=State.UNCERTAIN, account=account, runner=HERE)
    make_task(state=State.CANCELLED, account=account, slot_until=soon)
    make_task(state=State.EXPIRED, account=account, slot_until=soon)
    make_task()
    assert _claim() == []
    Task.objects.filter(state=State.EXPIRED).update(slot_until=timezone.now() - timedelta(seconds=1))
    assert len(_claim()) == 1


def test_limits_are_exact_under_concurrency() -> None:
    """Four runners that claim at once never exceed an account's limit, nor claim a task twice."""
    runners = [f"machine-{n}/boot/1/1/1/{n}" for n in range(4)]
    for runner in runners:
        make_runner(id=runner)
    for name in ("a", "b", "c"):
        set_capability(make_account(name), "image", limit=3)
    for number in range(60):
        make_task(prompt=str(number))
    claimed: list[Task] = []

    def work(runner: str) -> None:
        for _ in range(6):
            claimed.extend(claims.claim(runner, ["image"], 4))
        connections.close_all()

    threads = [threading.Thread(target=work, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({task.pk for task in claimed}) == len(claimed) == 9
    assert claims.account_loads("image", timezone.now()).most_common()[0][1] == 3


def _reserve_slot(account_id: int, minutes: float = 5) -> Lease | None:
    now = timezone.now()
    return claims.reserve_slot(account_id, "image", "probe", now, now + timedelta(minutes=minutes))


def test_a_reserved_slot_counts_with_the_tasks() -> None:
    """Leases and tasks of one kind count together until the lease ends; other kinds are not affected."""
    make_runner(id=HERE)
    account = make_account()
    set_capability(account, "image", limit=2)
    make_task(state=State.POLLING, account=account, runner=HERE)
    make_task(kind="video", state=State.POLLING, account=account, runner=HERE)
    held = _reserve_slot(account.pk)
    assert held is not None and held.account == account
    assert claims.account_loads("image", timezone.now()) == {account.pk: 2}
    assert _reserve_slot(account.pk) is None and Lease.objects.count() == 1
    make_task()
    assert _claim() == []
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert len(_claim()) == 1
    assert _reserve_slot(account.pk) is None and not Lease.objects.filter(until__gt=timezone.now()).exists()


def test_only_a_usable_account_has_room() -> None:
    """No slot is reserved on an account in a cooldown or with an expired cookie."""
    cooling, expired = make_account(), make_account(state=AccountState.EXPIRED)
    set_capability(cooling, "image", cooldown_until=timezone.now() + timedelta(minutes=1))
    assert _reserve_slot(cooling.pk) is None and _reserve_slot(expired.pk) is None


def test_concurrent_claims_and_reservations_keep_to_the_limit() -> None:
    """Tasks and leases together never exceed the account's limit."""
    make_runner(id=HERE)
    account = make_account()
    set_capability(account, "image", limit=5)
    for number in range(20):
        make_task(prompt=str(number))

    def work(act: Callable[[], object]) -> None:
        for _ in range(6):
            act()
        connections.close_all()

    acts: list[Callable[[], object]] = [lambda: _claim(1), lambda: _reserve_slot(account.pk)]
    threads = [threading.Thread(target=work, args=(act,)) for act in acts * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claims.account_loads("image", timezone.now()) == {account.pk: 5}


def test_the_machine_cap_is_counted_in_the_table(settings: Settings) -> None:
    """Rows that a runner owns count, whatever it has in memory."""
    make_runner(id=HERE)
    account = make_account()
    set_capability(account, "image", limit=50)
    settings.RUNNER_CAPACITY = 3
    for _ in range(2):
        make_task(state=State.POLLING, account=account, runner=HERE)
    for number in range(5):
        make_task(prompt=str(number))
    assert len(_claim()) == 1


def test_orphans_are_adopted_and_half_sent_ones_become_uncertain() -> None:
    """Rows of a runner without a lease continue elsewhere; a POST under way is not sent again."""
    account = make_account()
    make_runner(id=HERE)
    polling = make_task(state=State.POLLING, account=account, runner=THERE, request_id="1-a")
    sending = make_task(state=State.SUBMITTING, account=account, runner=THERE)
    nobody = make_task(state=State.POLLING, account=account, runner=None, request_id="1-b")
    adopted = {task.pk: task.state for task in claims.adopt(HERE, 10)}
    assert adopted == {polling.pk: State.POLLING, sending.pk: State.UNCERTAIN, nobody.pk: State.POLLING}
    assert claims.adopt(HERE, 10) == []


def test_rows_of_a_live_runner_are_not_adopted() -> None:
    """A lease that has not ended protects its rows."""
    make_runner(id=HERE)
    make_runner(id=THERE)
    make_task(state=State.POLLING, account=make_account(), runner=THERE)
    assert claims.adopt(HERE, 10) == []


def test_own_rows_that_were_never_sent_go_back_into_the_queue() -> None:
    """A claim whose commit seemed to fail: no coroutine runs its rows, so they were not sent."""
    account = make_account()
    make_runner(id=HERE)
    lost = make_task(state=State.SUBMITTING, account=account, runner=HERE)
    running = make_task(state=State.SUBMITTING, account=account, runner=HERE)
    adopted_unseen = make_task(state=State.POLLING, account=account, runner=HERE)
    assert [task.pk for task in claims.recover_own(HERE, {running.pk}, ())] == [adopted_unseen.pk]
    assert Task.objects.get(pk=lost.pk).state == State.QUEUED
    assert Task.objects.get(pk=running.pk).state == State.SUBMITTING


def test_own_rows_that_may_have_been_sent_are_uncertain() -> None:
    """Their outcome could not be written; they keep their runner and their account."""
    account = make_account()
    make_runner(id=HERE)
    sent = make_task(state=State.SUBMITTING, account=account, runner=HERE, submit_at=timezone.now())
    assert [task.pk for task in claims.recover_own(HERE, (), {sent.pk})] == [sent.pk]
    sent.refresh_from_db()
    assert (sent.state, sent.runner, sent.account_id) == (State.UNCERTAIN, HERE, account.pk)
    assert sent.submit_at is not None


def test_a_task_claimed_by_another_machine_since_it_was_read_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its attempt count would differ from the claim's, so that no outcome could be written."""
    make_account()
    make_runner(id=HERE)
    task = make_task()
    fair_queue = claims._fair_queue

    def overtaken(*arguments: Any) -> Any:
        found = fair_queue(*arguments)
        Task.objects.filter(pk=task.pk).update(attempt_count=1)
        return found

    monkeypatch.setattr(claims, "_fair_queue", overtaken)
    assert claims.claim(HERE, ["image"], 16) == []
    monkeypatch.setattr(claims, "_fair_queue", fair_queue)
    (claimed,) = claims.claim(HERE, ["image"], 16)
    assert (claimed.attempt_count, Task.objects.get(pk=task.pk).attempt_count) == (2, 2)


def test_engine_rule_08_a_dead_process_of_this_machine_is_replaced_at_once() -> None:
    """A runner whose process is gone, or a zombie, loses its lease at once; another machine's keeps it."""
    child = subprocess.Popen(["sleep", "60"])
    space, _, _, _ = claims.runner_identity().rsplit("/", 3)
    start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    local = f"{space}/{child.pid}/{start}/x"
    make_runner(id=local)
    make_runner(id=THERE)
    claims.remove_dead_runners(timezone.now())
    assert Runner.objects.count() == 2
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead and not reaped: a zombie
    claims.remove_dead_runners(timezone.now())
    assert list(Runner.objects.values_list("id", flat=True)) == [THERE]
    child.wait()
    make_runner(id=local)
    claims.remove_dead_runners(timezone.now())
    assert list(Runner.objects.values_list("id", flat=True)) == [THERE]


def test_engine_rule_08_a_reused_process_id_is_not_the_runner() -> None:
    """A process's start time is part of the name, so that a new process with the old number is another one."""
    space, pid, _, _ = claims.runner_identity().rsplit("/", 3)
    make_runner(id=f"{space}/{pid}/12345/x")
    claims.remove_dead_runners(timezone.now())
    assert not Runner.objects.exists()


def test_a_lease_of_another_machine_ends_by_time() -> None:
    """Processes of another machine cannot be checked: its runner is dead when its lease is over."""
    make_runner(id=THERE, lease_until=timezone.now() - timedelta(seconds=1))
    claims.remove_dead_runners(timezone.now())
    assert not Runner.objects.exists()


def test_the_watchdog_wants_a_runner_only_when_this_machine_has_none() -> None:
    """A live runner of this machine is enough; one of another machine, or a dead one, does not count."""
    assert claims.needs_runner()
    make_runner(id=THERE)
    assert claims.needs_runner()
    assert claims.has_live_runner()
    assert claims.open_lease(claims.runner_identity())
    assert not claims.needs_runner()
    assert claims.has_live_runner(django_settings.MACHINE_ID)


def test_hand_over_releases_generations() -> None:
    """Polled rows lose their runner, the lease goes, and rows being sent become orphans."""
    account = make_account()
    make_runner(id=HERE)
    polling = make_task(state=State.POLLING, account=account, runner=HERE)
    claims.hand_over(HERE)
    assert Task.objects.get(pk=polling.pk).runner is None
    assert not Runner.objects.exists()


def test_an_idle_runner_takes_no_write_lock() -> None:
    """While another connection has SQLite's write lock, an idle runner still gets its answer."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one write lock")
    make_account()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            held.set()
            done.wait(10)
            cursor.execute("ROLLBACK")
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        assert claims.due_kinds(timezone.now()) == []
        assert claims.adopt(HERE, 10) == []
        assert AccountCapability.objects.usable("image", timezone.now()).exists()
    finally:
        done.set()
        thread.join()


def test_engine_rule_02_sqlite_is_durable_and_immediate() -> None:
    """The engine's connection has WAL, synchronous FULL and IMMEDIATE transactions."""
    if connection.vendor != "sqlite":
        pytest.skip("settings of SQLite")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert cursor.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
