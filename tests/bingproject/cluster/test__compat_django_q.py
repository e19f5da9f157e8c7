"""The cluster as real processes on a file SQLite database: killed, frozen and stopped at every place."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bingproject.cluster._compat_django_q import GUARD_DEAD, HUNG
from tests.bingproject.cluster.clusters import ClusterRun, manage
from tests.rig.processes import send
from tests.rig.servers import wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc"),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, made once."""
    folder = tmp_path_factory.mktemp("template")
    made = manage(folder, "migrate", "-v0")
    assert made.returncode == 0, made.stderr
    return folder / "db.sqlite3"


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A folder with an empty database of its own."""
    shutil.copy(template, tmp_path / "db.sqlite3")
    return tmp_path


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """What a query on the cluster's database answers."""
    connection = sqlite3.connect(folder / "db.sqlite3", timeout=10)
    try:
        with connection:
            return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_jobs_and_periodic_work_run(folder: Path) -> None:
    """Questions that say yes start their job, periodic work starts once, an order is served once."""
    with ClusterRun(folder) as cluster:
        cluster.order("echo hello")
        cluster.wait_journal("echo hello done")
        cluster.wait_journal("repeat")
        assert len(cluster.journal("echo hello begun")) == 1
        assert len(cluster.journal("repeat")) == 1


def test_periodic_work_once_in_the_installation(folder: Path) -> None:
    """Two machines on one database share what is due: it runs once, not once per machine."""
    with ClusterRun(folder, "m1") as first, ClusterRun(folder, "m2") as second:
        for cluster, word in ((first, "one"), (second, "two")):
            cluster.order(f"echo {word}")
            cluster.wait_journal(f"echo {word} done")
        wait_for(lambda: len(rows(folder, "SELECT * FROM bingproject_liveprocess")) == 2, "two machines' rows")
        first.wait_journal("repeat")
        assert len(first.journal("repeat")) == 1


def test_engine_rule_09_own_queue_is_purged(folder: Path) -> None:
    """At its start a cluster empties its own machine's queue and no other's."""
    lock = datetime(2020, 1, 1, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S")
    for machine in ("m1", "m2"):
        rows(folder, f"INSERT INTO django_q_ormq (key, payload, lock) VALUES ('bingproject-{machine}', 'x', '{lock}')")
    with ClusterRun(folder) as cluster:
        cluster.order("echo x")
        cluster.wait_journal("echo x done")
    left = rows(folder, "SELECT key FROM django_q_ormq WHERE payload = 'x'")
    assert left == [("bingproject-m2",)]
    assert "Failed to push" not in cluster.log.read_text()


def test_engine_rule_09_own_queue_is_purged_before_the_cluster_is_seen(folder: Path) -> None:
    """Another process sends jobs as soon as it sees the cluster's row: a later purge would lose them."""
    rows(
        folder, "INSERT INTO django_q_ormq (key, payload, lock) VALUES ('bingproject-m1', 'old', '2020-01-01 00:00:00')"
    )
    rows(folder, "CREATE TABLE jobs_at_sight (payload TEXT)")
    rows(
        folder,
        "CREATE TRIGGER at_sight AFTER INSERT ON bingproject_liveprocess BEGIN"
        " INSERT INTO jobs_at_sight SELECT payload FROM django_q_ormq UNION ALL SELECT 'end'; END",
    )
    with ClusterRun(folder) as cluster:
        cluster.order("echo x")
        cluster.wait_journal("echo x done")
    assert ("old",) not in (seen := rows(folder, "SELECT payload FROM jobs_at_sight")) and seen[-1] == ("end",)


def test_engine_rule_09_queue_name_in_the_environment_is_refused(folder: Path) -> None:
    """Q_CLUSTER_NAME would rename the queue behind MACHINE_ID's back: the start is refused with one line."""
    refused = manage(folder, "cluster", Q_CLUSTER_NAME="other")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "Q_CLUSTER_NAME" in refused.stderr


def test_engine_rule_09_two_machines_with_one_id_are_told(folder: Path) -> None:
    """Two live clusters under one MACHINE_ID: an error in both logs, a row an admin can see; it goes when one stops."""
    with ClusterRun(folder) as first:
        with ClusterRun(folder, log="second") as second:
            asked = "SELECT pid FROM bingproject_liveprocess WHERE problem LIKE '%MACHINE_ID=m1%' ORDER BY pid"
            both = sorted([(first.main,), (second.main,)])
            wait_for(lambda: rows(folder, asked) == both, "both rows to name the problem")
            assert all("Two live machines" in cluster.log.read_text() for cluster in (first, second))
            send([second.main], signal.SIGTERM)
            second.wait_end()
        wait_for(lambda: rows(folder, asked) == [], "the problem to be over")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_engine_rule_11_stop_hands_over(folder: Path, number: int) -> None:
    """A signal to main: the long job hands over, its result is saved, the exit code is 0, nothing is left."""
    with ClusterRun(folder) as cluster:
        cluster.want_caller_id()
        cluster.wait_journal("hold ")
        send([cluster.main], number)
        assert cluster.wait_end() == 0
        assert len(cluster.journal("hand-over")) == 1
    assert rows(folder, "SELECT * FROM bingproject_liveprocess") == []


def test_engine_rule_11_a_job_that_does_not_listen_is_ended(folder: Path) -> None:
    """A job that ignores the stop is given some seconds and then killed with everything else."""
    with ClusterRun(folder) as cluster:
        cluster.order("stay 60")
        cluster.wait_journal("stay 60 begun")
        send([cluster.main], signal.SIGTERM)
        assert cluster.wait_end() == 0
        assert cluster.journal("stay 60 done") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_engine_rule_11_signal_to_all_processes_does_not_hang(folder: Path, number: int) -> None:
    """A supervisor that signals the whole tree, against advice, still gets rid of it."""
    with ClusterRun(folder) as cluster:
        cluster.want_caller_id()
        cluster.wait_journal("hold ")
        send(cluster.pids(), number)
        assert cluster.wait_end() is not None


def test_engine_rule_11_stop_with_a_dead_guard_does_not_hang(folder: Path) -> None:
    """The guard dies and the stop comes at the same moment: main waits for nobody who is gone."""
    with ClusterRun(folder) as cluster:
        cluster.kill("bp-guard")
        send([cluster.main], signal.SIGTERM)
        assert cluster.wait_end() in (0, GUARD_DEAD)


def test_engine_rule_11_no_thread_before_the_fork(folder: Path) -> None:
    """The two processes that fork have one thread each, so no child inherits a lock that nobody will release."""
    with ClusterRun(folder) as cluster:
        cluster.order("echo x")
        cluster.wait_journal("echo x done")
        assert cluster.thread_count("bp-cluster") == 1
        assert cluster.thread_count("bp-guard") == 1


def test_engine_rule_12_killed_idle_workers_end_the_cluster(folder: Path) -> None:
    """Workers killed while they wait keep the queue's lock for ever: the cluster ends at once, to be started again."""
    with ClusterRun(folder) as cluster:
        cluster.want_caller_id()
        cluster.wait_journal("hold ")
        idle = [pid for pid in cluster.pids("bp-worker") if pid != cluster.holder_pid()]
        send(idle, signal.SIGKILL)
        assert cluster.wait_end() == HUNG
        assert len(cluster.journal("hand-over")) == 1  # what could still end well did


def test_engine_rule_12_killed_monitor_ends_the_cluster(folder: Path) -> None:
    """A new monitor would be deaf: the cluster ends, to be started again."""
    with ClusterRun(folder) as cluster:
        cluster.kill("bp-monitor")
        assert cluster.wait_end() == HUNG


def test_engine_rule_12_killed_guard_ends_the_cluster(folder: Path) -> None:
    """Without its guard a cluster is an orphan: all of it ends, with a code that asks for a new start."""
    with ClusterRun(folder) as cluster:
        cluster.kill("bp-guard")
        assert cluster.wait_end() == GUARD_DEAD


def test_engine_rule_12_killed_main_leaves_nobody(folder: Path) -> None:
    """The kernel ends what main forked, so a new start never makes two clusters."""
    with ClusterRun(folder) as cluster:
        cluster.want_caller_id()
        cluster.wait_journal("hold ")
        cluster.kill("bp-cluster")
        assert cluster.wait_end() == -signal.SIGKILL
    with ClusterRun(folder) as cluster:
        cluster.wait_journal("hold ", 2)


def test_engine_rule_12_killed_busy_worker_is_replaced(folder: Path) -> None:
    """The worker that runs the long job dies: another takes the job up, the cluster stays."""
    with ClusterRun(folder) as cluster:
        cluster.want_caller_id()
        cluster.wait_journal("hold ")
        main = cluster.main
        send([cluster.holder_pid()], signal.SIGKILL)
        cluster.wait_journal("hold ", 2)
        assert cluster.main == main


def test_engine_rule_12_killed_pusher_is_replaced(folder: Path) -> None:
    """The pusher holds nothing that others need: a new one goes on, the cluster stays."""
    with ClusterRun(folder) as cluster:
        main, pusher = cluster.main, cluster.pids("bp-pusher")
        cluster.kill("bp-pusher")
        wait_for(lambda: bool(cluster.pids("bp-pusher")) and cluster.pids("bp-pusher") != pusher, "a new pusher")
        cluster.order("echo x")
        cluster.wait_journal("echo x done")
        assert cluster.main == main


def test_engine_rule_12_frozen_process_ends_the_cluster(template: Path, tmp_path: Path) -> None:
    """A process that lives and does nothing: the guard is silent, or the canary is not run or not acknowledged.

    Three clusters at once, each with another process frozen, since each takes its ten seconds to be sure.
    """
    with ExitStack() as running:
        clusters = []
        for role in ("bp-guard", "bp-pusher", "bp-monitor"):
            (tmp_path / role).mkdir()
            shutil.copy(template, tmp_path / role / "db.sqlite3")
            cluster = running.enter_context(ClusterRun(tmp_path / role))
            cluster.order("echo x")
            cluster.wait_journal("echo x done")
            cluster.kill(role, number=signal.SIGSTOP)
            clusters.append(cluster)
        assert [cluster.wait_end() for cluster in clusters] == [HUNG] * 3


def test_engine_rule_12_busy_workers_are_no_hang(folder: Path) -> None:
    """All workers busy for longer than a canary may take: nothing hangs, nothing is ended."""
    with ClusterRun(folder) as cluster:
        main = cluster.main
        for seconds in ("13", "13.1", "13.2"):
            cluster.order(f"stay {seconds}")
        cluster.wait_journal("stay", 6)
        assert (cluster.main, len(cluster.journal())) == (main, 7)  # with the one line of periodic work
