"""Brokers that wait out an outage: clusters on PostgreSQL and Redis servers of their own, which are killed."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from bingproject.cluster.brokers import PatientOrm, PatientRedis, drop_abandoned_queues, own_broker, send_job
from tests.bingproject.cluster.clusters import ClusterRun, manage
from tests.factories import make_machine
from tests.rig.processes import send
from tests.rig.servers import MissingServerError, OwnPostgres, OwnRedis, wait_for

DOWN_SECONDS = 3.0


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OwnPostgres, str]]:
    """A PostgreSQL of our own with our tables, and its address."""
    folder = tmp_path_factory.mktemp("postgres")
    try:
        server = OwnPostgres(folder)
    except MissingServerError as error:
        pytest.skip(str(error))
    try:
        server.start()
        address = server.create_database()
        made = manage(folder, "migrate", "-v0", DATABASE_URL=address)
        assert made.returncode == 0, made.stderr
        yield server, address
    finally:
        server.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis of our own."""
    server = OwnRedis(tmp_path)
    try:
        server.start()
    except MissingServerError as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.stop()


def outlive(cluster: ClusterRun, server: OwnPostgres | OwnRedis) -> None:
    """Kill the server below a working cluster, start it again: the same cluster goes on."""
    cluster.want_caller_id()
    cluster.wait_journal("hold ")
    main, caller_id = cluster.main, cluster.holder_pid()
    server.kill()
    with pytest.raises(TimeoutError):  # long enough for a look at the queue, a chore and a canary to fail
        wait_for(lambda: cluster.main != main, "main to end, which it must not", DOWN_SECONDS)
    server.start()
    cluster.order("echo after")
    cluster.wait_journal("echo after done")
    assert (cluster.main, cluster.holder_pid()) == (main, caller_id)


@pytest.mark.postgres
def test_postgresql_restart_is_outlived(postgres: tuple[OwnPostgres, str], tmp_path: Path) -> None:
    """PostgreSQL dies with kill -9 and comes back: main, guard, workers and the running job are still the same."""
    server, address = postgres
    with ClusterRun(tmp_path, DATABASE_URL=address) as cluster:
        outlive(cluster, server)
        send([cluster.main], signal.SIGTERM)
        assert cluster.wait_end() == 0


@pytest.mark.postgres
@pytest.mark.redis
def test_redis_restart_is_outlived(postgres: tuple[OwnPostgres, str], redis_server: OwnRedis, tmp_path: Path) -> None:
    """Redis dies and forgets the queue: nudges are made again, the cluster is still the same."""
    with ClusterRun(tmp_path, DATABASE_URL=postgres[1], REDIS_URL=redis_server.url) as cluster:
        outlive(cluster, redis_server)
        send([cluster.main], signal.SIGTERM)
        assert cluster.wait_end() == 0


@pytest.mark.postgres
@pytest.mark.redis
def test_engine_rule_09_own_queue_is_purged_on_redis(
    postgres: tuple[OwnPostgres, str], redis_server: OwnRedis, tmp_path: Path
) -> None:
    """With Redis, too, a cluster empties its own machine's queue at its start, and no other's."""
    with redis.from_url(redis_server.url) as client:
        for machine in ("m1", "m2"):
            client.rpush(f"django_q:bingproject-{machine}:q", "x")
        with ClusterRun(tmp_path, DATABASE_URL=postgres[1], REDIS_URL=redis_server.url) as cluster:
            cluster.order("echo x")
            cluster.wait_journal("echo x done")
            assert client.lrange("django_q:bingproject-m2:q", 0, -1) == [b"x"]
            assert "Failed to push" not in cluster.log.read_text()


@pytest.mark.postgres
@pytest.mark.redis
def test_engine_rule_12_killed_idle_workers_on_redis(
    postgres: tuple[OwnPostgres, str], redis_server: OwnRedis, tmp_path: Path
) -> None:
    """The queue between the processes breaks the same way whatever the broker is: the cluster ends."""
    with ClusterRun(tmp_path, DATABASE_URL=postgres[1], REDIS_URL=redis_server.url) as cluster:
        cluster.kill("bp-worker")
        assert cluster.wait_end() not in (0, None)


@pytest.mark.django_db(transaction=True)  # an outage drops the connections that failed
def test_redis_that_is_gone_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a queue nobody serves brings nothing and raises nothing."""
    monkeypatch.setattr(Conf, "REDIS", "redis://127.0.0.1:1/0")
    assert PatientRedis("bingproject-nobody").dequeue() is None
    assert PatientRedis("bingproject-nobody").ping()


@pytest.mark.django_db(transaction=True)
def test_a_job_for_a_queue_that_is_gone_is_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends it goes on: its wish is in a row. One line says so."""
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", "redis://127.0.0.1:1/0")
    with caplog.at_level(logging.WARNING, "bingproject.cluster.brokers"):
        send_job("accounts.jobs.check_account", 1, name="check account 1")
    (record,) = caplog.records
    assert "cannot be reached (ConnectionError)" in record.getMessage() and not record.exc_text


@pytest.mark.django_db
def test_own_broker_keeps_no_statistics() -> None:
    """The broker of a cluster serves its own queue and has no cache to write statistics to."""
    broker = own_broker()
    assert isinstance(broker, PatientOrm)
    assert broker.list_key == Conf.CLUSTER_NAME
    assert broker.cache is None


def make_machines() -> None:
    """One that lives, one that was restarted a moment ago, one that is gone; of a fourth there is no row any more."""
    now = timezone.now()
    for machine, minutes in (("m1", 0), ("m2", 5), ("m3", 60)):
        make_machine(machine_id=machine, seen_at=now - timedelta(minutes=minutes))


@pytest.mark.django_db
def test_queues_of_machines_that_are_gone_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs go; those of the living stay, and so does what is just coming in, and what is not ours."""
    monkeypatch.setattr(Conf, "ORM", "default")
    make_machines()
    now = timezone.now()
    names = ["bingproject-m1", "bingproject-m2", "bingproject-m3", "bingproject-m4", "another"]
    OrmQ.objects.bulk_create(OrmQ(key=name, payload="x", lock=now - timedelta(hours=1)) for name in names)
    OrmQ.objects.create(key="bingproject-m5", payload="x", lock=now)
    assert drop_abandoned_queues(now) == 2
    assert set(OrmQ.objects.values_list("key", flat=True)) == {names[0], names[1], "another", "bingproject-m5"}


@pytest.mark.redis
@pytest.mark.django_db
def test_lists_of_machines_that_are_gone_are_dropped(redis_server: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in Redis."""
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", redis_server.url)
    make_machines()
    with redis.from_url(redis_server.url) as client:
        for name in ("bingproject-m1", "bingproject-m2", "bingproject-m3", "bingproject-m4", "another"):
            client.rpush(f"django_q:{name}:q", "x", "y")
        assert drop_abandoned_queues(timezone.now()) == 4
        kept = {b"django_q:bingproject-m1:q", b"django_q:bingproject-m2:q", b"django_q:another:q"}
        assert set(client.keys()) == kept
