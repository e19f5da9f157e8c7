"""Who gets which account: exact limits, fair order, leases, and what a dead runner leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

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
    """Work goes to the account that has least of it; none gets more than its limit."""
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
    """Of two idle accounts the one that was served least recently gets the task."""
    make_runner(id=HERE)
    recent, long_ago = make_account("recent"), make_account("long-ago")
    set_capability(recent, "image", served_at=timezone.now())
    set_capability(long_ago, "image", served_at=timezone.now() - timedelta(hours=1))
    make_task()
    assert _claim()[0].account_id == long_ago.pk


@pytest.mark.parametrize("state", [AccountState.EXPIRED, AccountState.CHALLENGED, AccountState.BLOCKED])
def test_an_account_out_of_order_gets_nothing(state: AccountState) -> None:
    """Only unchecked and signed-in accounts are given work."""
    make_runner(id=HERE)
    make_account(state=state)
    make_task()
    assert _claim() == []


def test_disabled_and_resting_accounts_get_nothing() -> None:
    """An account that is switched off, cooling down for images, or limited to 0 is left alone."""
    make_runner(id=HERE)
    make_account(is_enabled=False)
    set_capability(make_account(), "image", cooldown_until=timezone.now() + timedelta(minutes=1))
    set_capability(make_account(), "image", limit=0)
    make_task()
    assert _claim() == []


def test_a_cool_down_for_images_leaves_videos_alone() -> None:
    """Cool-down belongs to the capability."""
    make_runner(id=HERE)
    set_capability(make_account(), "image", cooldown_until=timezone.now() + timedelta(minutes=1))
    make_task(kind="video")
    assert len(claims.claim(HERE, ["image", "video"], 16)) == 1


def test_fair_order_between_key_holders() -> None:
    """A caller with one task does not wait behind another's hundred; who has less running goes first."""
    make_runner(id=HERE)
    set_capability(make_account(), "image", limit=4)
    for number in range(20):
        make_task(prompt=str(number), holder="user:many")
    make_task(prompt="mine", holder="user:one", created_at=timezone.now() + timedelta(seconds=1))
    first = _claim(2)
    assert {task.holder for task in first} == {"user:many", "user:one"}
    make_task(prompt="mine again", holder="user:third", created_at=timezone.now() + timedelta(seconds=2))
    assert _claim(1)[0].holder == "user:third"


def test_tasks_of_one_holder_keep_their_order() -> None:
    """First come, first served, within a holder."""
    make_runner(id=HERE)
    set_capability(make_account(), "image", limit=10)
    now = timezone.now()
    for number in (3, 1, 2):
        make_task(prompt=str(number), created_at=now + timedelta(seconds=number))
    assert [task.prompt for task in _claim()] == ["1", "2", "3"]


def test_a_task_that_rests_is_not_claimed() -> None:
    """`next_at` in the future means: not yet."""
    make_runner(id=HERE)
    make_account()
    make_task(next_at=timezone.now() + timedelta(seconds=30))
    assert claims.due_kinds(timezone.now()) == []
    assert _claim() == []


def test_an_account_that_refused_the_task_is_tried_last() -> None:
    """Another usable account is preferred to the one that has just turned the task away."""
    make_runner(id=HERE)
    first, second = make_account("first"), make_account("second")
    set_capability(second, "image", served_at=timezone.now())
    make_task(tried_accounts=[first.pk])
    assert _claim()[0].account_id == second.pk


def test_a_runner_without_a_lease_claims_nothing() -> None:
    """The lease is checked inside the claiming transaction."""
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
    """Four runners claiming at once never give an account more than its limit, nor a task to two of them."""
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


def _take_room(account_id: int, minutes: float = 5) -> Lease | None:
    now = timezone.now()
    return claims.take_room(account_id, "image", "probe", now, now + timedelta(minutes=minutes))


def test_what_is_made_without_a_task_takes_one_of_the_accounts_places() -> None:
    """Counted with its tasks, both ways, until its end; what it does of another kind is another matter."""
    make_runner(id=HERE)
    account = make_account()
    set_capability(account, "image", limit=2)
    make_task(state=State.POLLING, account=account, runner=HERE)
    make_task(kind="video", state=State.POLLING, account=account, runner=HERE)
    held = _take_room(account.pk)
    assert held is not None and held.account == account
    assert claims.account_loads("image", timezone.now()) == {account.pk: 2}
    assert _take_room(account.pk) is None and Lease.objects.count() == 1
    make_task()
    assert _claim() == []
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert len(_claim()) == 1
    assert _take_room(account.pk) is None and not Lease.objects.filter(until__gt=timezone.now()).exists()


def test_only_an_account_that_may_be_given_work_has_room() -> None:
    """Neither one that rests nor one that is signed out."""
    resting, expired = make_account(), make_account(state=AccountState.EXPIRED)
    set_capability(resting, "image", cooldown_until=timezone.now() + timedelta(minutes=1))
    assert _take_room(resting.pk) is None and _take_room(expired.pk) is None


def test_claims_and_rooms_taken_at_once_keep_to_the_limit() -> None:
    """Tasks and what is made without one never are more together than the account may make."""
    make_runner(id=HERE)
    account = make_account()
    set_capability(account, "image", limit=5)
    for number in range(20):
        make_task(prompt=str(number))

    def work(act: Callable[[], object]) -> None:
        for _ in range(6):
            act()
        connections.close_all()

    acts: list[Callable[[], object]] = [lambda: _claim(1), lambda: _take_room(account.pk)]
    threads = [threading.Thread(target=work, args=(act,)) for act in acts * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claims.account_loads("image", timezone.now()) == {account.pk: 5}


def test_the_machine_cap_is_counted_in_the_table(settings: Settings) -> None:
    """Rows a runner holds already count, whatever it has in memory."""
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
    """Rows of a runner that has no lease any more go on elsewhere; a POST under way is not sent again."""
    account = make_account()
    make_runner(id=HERE)
    polling = make_task(state=State.POLLING, account=account, runner=THERE, request_id="1-a")
    sending = make_task(state=State.SUBMITTING, account=account, runner=THERE)
    nobody = make_task(state=State.POLLING, account=account, runner=None, request_id="1-b")
    adopted = {task.pk: task.state for task in claims.adopt(HERE, 10)}
    assert adopted == {polling.pk: State.POLLING, sending.pk: State.UNCERTAIN, nobody.pk: State.POLLING}
    assert claims.adopt(HERE, 10) == []


def test_rows_of_a_living_runner_are_left_alone() -> None:
    """A lease that has not ended protects its rows."""
    make_runner(id=HERE)
    make_runner(id=THERE)
    make_task(state=State.POLLING, account=make_account(), runner=THERE)
    assert claims.adopt(HERE, 10) == []


def test_strays_that_were_never_sent_go_back_into_the_queue() -> None:
    """A claim whose commit seemed to fail: its rows are not carried, so they were not sent."""
    account = make_account()
    make_runner(id=HERE)
    lost = make_task(state=State.SUBMITTING, account=account, runner=HERE)
    carried = make_task(state=State.SUBMITTING, account=account, runner=HERE)
    adopted_unseen = make_task(state=State.POLLING, account=account, runner=HERE)
    assert [task.pk for task in claims.strays(HERE, {carried.pk})] == [adopted_unseen.pk]
    assert Task.objects.get(pk=lost.pk).state == State.QUEUED
    assert Task.objects.get(pk=carried.pk).state == State.SUBMITTING


def test_engine_rule_08_a_dead_process_of_this_machine_is_replaced_at_once() -> None:
    """A runner whose process is gone, or a zombie, loses its lease at once; another machine's keeps it."""
    child = subprocess.Popen(["sleep", "60"])
    space, _, _, _ = claims.runner_identity().rsplit("/", 3)
    start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    local = f"{space}/{child.pid}/{start}/x"
    make_runner(id=local)
    make_runner(id=THERE)
    claims.bury_dead_runners(timezone.now())
    assert Runner.objects.count() == 2
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead and not reaped: a zombie
    claims.bury_dead_runners(timezone.now())
    assert list(Runner.objects.values_list("id", flat=True)) == [THERE]
    child.wait()
    make_runner(id=local)
    claims.bury_dead_runners(timezone.now())
    assert list(Runner.objects.values_list("id", flat=True)) == [THERE]


def test_engine_rule_08_a_process_id_that_was_given_out_again_is_not_the_runner() -> None:
    """The start time of a process is part of the name: a new process with the old number is another one."""
    space, pid, _, _ = claims.runner_identity().rsplit("/", 3)
    make_runner(id=f"{space}/{pid}/12345/x")
    claims.bury_dead_runners(timezone.now())
    assert not Runner.objects.exists()


def test_a_lease_of_another_machine_ends_by_time() -> None:
    """Nobody can look into another machine: its runner is dead when its lease is over."""
    make_runner(id=THERE, lease_until=timezone.now() - timedelta(seconds=1))
    claims.bury_dead_runners(timezone.now())
    assert not Runner.objects.exists()


def test_the_watchdog_wants_a_runner_only_when_this_machine_has_none() -> None:
    """A live runner of this machine answers no; one of another machine, or a dead one, does not count."""
    assert claims.needs_runner()
    make_runner(id=THERE)
    assert claims.needs_runner()
    assert claims.has_live_runner()
    assert claims.open_lease(claims.runner_identity())
    assert not claims.needs_runner()
    assert claims.has_live_runner(django_settings.MACHINE_ID)


def test_hand_over_leaves_generations_to_anybody() -> None:
    """Polled rows lose their owner, the lease goes, and rows half sent are found as orphans."""
    account = make_account()
    make_runner(id=HERE)
    polling = make_task(state=State.POLLING, account=account, runner=HERE)
    claims.hand_over(HERE)
    assert Task.objects.get(pk=polling.pk).runner is None
    assert not Runner.objects.exists()


def test_an_idle_look_takes_no_write_lock() -> None:
    """While another connection holds SQLite's write lock, an idle runner still gets its answer."""
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
    """The connection that the engine really uses has WAL, synchronous FULL and IMMEDIATE transactions."""
    if connection.vendor != "sqlite":
        pytest.skip("settings of SQLite")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert cursor.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
