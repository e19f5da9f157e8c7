"""Rows of living processes: who may be believed to live, and which keys each can open."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from bingproject.cluster.database_identity import verify_installation
from bingproject.cluster.process_registry import SILENT_SECONDS, Registration, has_own_cluster, live_processes
from bingproject.cluster.processes import process_identity
from bingproject.conf.environment import SettingError, new_seal_key
from bingproject.models import LiveProcess, Machine
from bingproject.security.encryption import fingerprint
from tests.factories import make_machine, make_process

pytestmark = pytest.mark.django_db


def make_row(process: str, age_seconds: float = 0) -> LiveProcess:
    """The row of another process, last heard of so long ago."""
    seen = timezone.now() - timedelta(seconds=age_seconds)
    return make_process(process, seal_keys=["k"], started_at=seen, seen_at=seen)


def test_a_process_says_which_keys_it_can_open(settings: Any) -> None:
    """Fingerprints, newest first; once it has left there is no row."""
    settings.SEAL_KEYS = [new_seal_key(), new_seal_key()]
    sign = Registration("web")
    sign.begin()
    row = LiveProcess.objects.get()
    assert (row.role, row.seal_keys) == ("web", [fingerprint(key) for key in settings.SEAL_KEYS])
    assert [found.process for found in live_processes(timezone.now())] == [row.process]
    began = row.started_at
    sign.renew()
    row.refresh_from_db()
    assert row.seen_at > row.started_at == began
    sign.leave()
    assert not LiveProcess.objects.exists()


def test_a_process_that_may_not_start_leaves_no_row(settings: Any) -> None:
    """Keys that cannot open the database: refused, and nobody waits for it."""
    verify_installation()
    settings.SEAL_KEYS = [new_seal_key()]
    with pytest.raises(SettingError, match="SEAL_KEYS lacks a key"):
        Registration("web").begin()
    assert not LiveProcess.objects.exists()


def test_the_dead_and_the_silent_are_not_counted_and_go() -> None:
    """A process that is gone from this machine, and one of elsewhere that has long said nothing."""
    dead = process_identity(socket.gethostname()).rsplit("/", 3)[0] + "/1/0/dead"
    make_row(dead)
    make_row("elsewhere/boot/1/2/3/old", SILENT_SECONDS + 1)
    make_row("elsewhere/boot/1/2/3/new", SILENT_SECONDS - 5)
    assert [row.process for row in live_processes(timezone.now())] == ["elsewhere/boot/1/2/3/new"]
    Registration("cluster").renew()
    assert {row.process for row in LiveProcess.objects.all()} > {"elsewhere/boot/1/2/3/new"}
    assert LiveProcess.objects.count() == 2


@pytest.mark.django_db(transaction=True)  # it lets go of old connections, which would end a test's transaction
def test_it_is_kept_up_for_ever() -> None:
    """Every few seconds in the thread it is given."""
    given: list[Callable[[], None]] = []

    def run(renew: Callable[[], None]) -> Future[None]:
        given.append(renew)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    async def keep() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await Registration("web", every_seconds=0.001).keep(run)

    asyncio.run(keep())
    assert len(given) > 2
    given[0]()
    assert LiveProcess.objects.count() == 1


@pytest.mark.django_db(transaction=True)  # it ends a connection, which would end a test's transaction
def test_an_outage_is_outlived(caplog: pytest.LogCaptureFixture) -> None:
    """The database is out of reach: renewing says so in the log once, leaving says nothing; then it is back."""
    sign = Registration("web")

    def fail(*_query: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with caplog.at_level(logging.WARNING), connection.execute_wrapper(fail):
        sign._renew_if_possible()
        sign.leave()
        assert [record.message for record in caplog.records] == [
            "The database does not answer (OperationalError); requests that need it get 503 until it does."
        ]
    sign._renew_if_possible()
    assert "The database answers again" in caplog.records[-1].message


def test_this_machines_own_cluster(settings: Any) -> None:
    """One of the same MACHINE_ID that was heard of just now; others do not count."""
    now = timezone.now()
    make_machine(machine_id="another")
    make_machine(machine_id=settings.MACHINE_ID, seen_at=now - timedelta(minutes=1))
    assert not has_own_cluster(now)
    make_machine(machine_id=settings.MACHINE_ID)
    assert has_own_cluster(now)


def test_two_clusters_of_one_machine_id(caplog: pytest.LogCaptureFixture) -> None:
    """Both rows name the problem, each log does so once; when one leaves, the problem is over."""
    first, second = Registration("cluster"), Registration("cluster")
    first.renew()
    for _ in range(3):
        second.renew()
        first.renew()
    assert [row.problem.partition(";")[0] for row in Machine.objects.all()] == [
        f"Two live machines share MACHINE_ID={Machine.objects.all()[0].machine_id}"
    ] * 2
    assert len(caplog.records) == 2
    second.leave()
    first.renew()
    assert [row.problem for row in Machine.objects.all()] == [""]


def test_a_web_process_is_no_machine(settings: Any) -> None:
    """It works no queue, and may share its MACHINE_ID with the cluster beside it."""
    web, cluster = Registration("web"), Registration("cluster")
    web.renew()
    assert not Machine.objects.exists() and not has_own_cluster(timezone.now())
    cluster.renew()
    web.renew()
    assert [row.problem for row in LiveProcess.objects.all()] == ["", ""]


@pytest.mark.parametrize("age", [0, 60])
def test_a_cluster_that_is_gone_is_no_double(settings: Any, age: int) -> None:
    """The row of a process that is provably dead, or silent for long, is deleted."""
    seen = timezone.now() - timedelta(seconds=age)
    own = process_identity(socket.gethostname())
    dead = own.rsplit("/", 3)[0] + "/1/0/dead" if not age else "elsewhere/boot/1/2/3/x"
    make_machine(process=dead, machine_id=settings.MACHINE_ID, seen_at=seen)
    Registration("cluster").renew()
    (row,) = Machine.objects.all()
    assert row.process != dead and row.problem == ""


def test_a_cluster_that_died_stays_for_the_dashboard() -> None:
    """Another machine's renewal does not delete it: an operator must see which one is missing."""
    make_machine(machine_id="m2", seen_at=timezone.now() - timedelta(minutes=5))
    Registration("cluster").renew()
    assert Machine.objects.filter(machine_id="m2").exists()
    assert [row.machine_id for row in live_processes(timezone.now())] != ["m2"]
