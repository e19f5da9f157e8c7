"""A PostgreSQL that goes silent: web and workers notice, say so, and go on by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from bingproject.conf.database_url import ENGINE, postgresql_options
from bingproject.database.postgresql.base import ANSWER_MARGIN_SECONDS, DatabaseWrapper
from tests.rig.rows import Rows
from tests.rig.servers import OwnPostgres, wait_for
from tests.rig.system import Plan, System
from tests.silence import SilentProxy

LIMIT_SECONDS = 2.0
HEAL_SECONDS = 60.0  # on a busy machine; each connection is given up after LIMIT_SECONDS and the margin


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """A PostgreSQL of these tests with one database."""
    server = OwnPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    server.create_database()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def unblocked(django_db_blocker: Any) -> Iterator[None]:
    """pytest-django keeps tests from connections that are not the test database's; these are of other servers."""
    with django_db_blocker.unblock():
        yield


def connect(port: int, **options: Any) -> DatabaseWrapper:
    """A connection of Django's, made by our backend."""
    given = {"ENGINE": ENGINE, "NAME": "rig", "USER": "rig", "HOST": "127.0.0.1", "PORT": str(port)}
    handler = ConnectionHandler({"default": given | {"OPTIONS": postgresql_options(options)}})
    wrapper = handler["default"]
    assert isinstance(wrapper, DatabaseWrapper)
    return wrapper


def shown(connection: DatabaseWrapper) -> str:
    """The server's limit for a statement."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def raw_limit(connection: DatabaseWrapper) -> float | None:
    """This side's limit for an answer."""
    found: float | None = connection.connection.answer_seconds
    return found


@pytest.mark.postgres
def test_limits_statements(postgres: OwnPostgres) -> None:
    """20 s unless the address says otherwise, in its query or among libpq's options; migrations have no limit."""
    connection = connect(postgres.port)
    assert (shown(connection), raw_limit(connection)) == ("20s", 20 + ANSWER_MARGIN_SECONDS)
    connection.lift_limits(is_unlimited=True)
    assert (shown(connection), raw_limit(connection)) == ("0", None)
    connection.lift_limits(is_unlimited=False)
    assert (shown(connection), raw_limit(connection)) == ("20s", 20 + ANSWER_MARGIN_SECONDS)
    connection.close()
    for options, words, limit in (
        ({"statement_timeout": "5000"}, "5s", 5 + ANSWER_MARGIN_SECONDS),
        ({"options": "-c statement_timeout=7s"}, "7s", 7 + ANSWER_MARGIN_SECONDS),
        ({"statement_timeout": "0"}, "0", None),
    ):
        connection = connect(postgres.port, **options)
        assert (shown(connection), raw_limit(connection)) == (words, limit)
        connection.close()


@pytest.mark.postgres
def test_a_slow_statement_is_an_outage(postgres: OwnPostgres) -> None:
    """The server itself ends a statement that takes too long, and the connection is good for the next one."""
    connection = connect(postgres.port, statement_timeout="100")
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")
    assert shown(connection) == "100ms"
    connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize("is_in_transaction", [False, True])
def test_a_silent_server_is_given_up(postgres: OwnPostgres, is_in_transaction: bool) -> None:
    """No answer comes, to a query or to a commit: an error, and the next connection works."""
    proxy = SilentProxy(postgres.port)
    connection = connect(proxy.port, statement_timeout="200")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.set_autocommit(not is_in_transaction)
    if is_in_transaction:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    proxy.silence()
    with pytest.raises(OperationalError, match=r"did not answer within 2\.2 s"):
        if is_in_transaction:
            connection.commit()
        else:
            shown(connection)
    connection.close_if_unusable_or_obsolete()
    connection.close()
    assert shown(connection) == "200ms"
    connection.close()
    proxy.close()


class SilentSystem(System):
    """Web and clusters apart, on a PostgreSQL behind a proxy that can go silent."""

    def _environment(self) -> dict[str, str]:
        settings = super()._environment()
        self.direct_url = settings["DATABASE_URL"]
        self.proxy = SilentProxy(self.servers[0].port)
        url = f"postgres://rig@127.0.0.1:{self.proxy.port}/rig?statement_timeout={LIMIT_SECONDS * 1000:.0f}"
        return settings | {"DATABASE_URL": url}

    def _begin(self) -> None:
        self.rows = Rows(self.direct_url, self.folder)
        super()._begin()

    def log(self, name: str) -> str:
        """All that a part wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


@pytest.fixture
def system() -> Iterator[SilentSystem]:
    """The running system."""
    with SilentSystem(Plan("postgres", is_apart=True, accounts=4, sandbox=("--image-seconds", "0"))) as running:
        running.start()
        yield running
        running.proxy.close()
    parts = (*running.parts, running.sandbox)
    wait_for(lambda: all(part.exit_code is not None for part in parts), "the exit codes")


@pytest.mark.postgres
@pytest.mark.redis
def test_heals_by_itself(system: SilentSystem) -> None:
    """Requests get 503 and not silence, `/readyz` says it, `/healthz` stays green, the same processes go on."""
    web, clusters = system.parts[0], system.parts[1:]
    pids = [part.pid for part in system.parts]
    with httpx.Client(base_url=system.url, timeout=30, trust_env=False) as client:
        assert client.get("/readyz").status_code == 200
        for _ in range(8):  # each of the lanes has a connection
            client.get("/tasks").raise_for_status()
        system.proxy.silence()
        statuses = set()
        began = time.monotonic()
        while (answer := client.get("/tasks")).status_code != 200:
            statuses.add((answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]))
            assert client.get("/healthz").status_code == 200
            assert time.monotonic() - began < HEAL_SECONDS
        assert statuses <= {(503, "unavailable", "10")}
        wait_for(lambda: client.get("/readyz").status_code == 200, "readiness", HEAL_SECONDS)
        made = client.post("/create/image", json={"query": "a fox"}, timeout=HEAL_SECONDS)
        assert made.status_code == 200, made.text
    assert [part.pid for part in (web, *clusters)] == pids, system.log_tail()
    assert system.log("web").count("The database does not answer") <= 1, system.log("web")
    assert system.log("web").count("Traceback") <= 1


@pytest.mark.postgres
@pytest.mark.redis
def test_says_when_it_is_not_ready(system: SilentSystem) -> None:
    """`/readyz` has a time-out of its own: its answer comes while every lane still waits for the database."""
    with httpx.Client(base_url=system.url, timeout=30, trust_env=False) as client:
        client.get("/readyz").raise_for_status()
        system.servers[0].freeze()
        try:
            answer = client.get("/readyz")
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], answer.headers["retry-after"]) == (503, "unavailable", "10")
            assert answer.json()["checks"] == {"database": "failed", "migrations": "failed", "worker": "failed"}
            assert client.get("/healthz").json() == {"status": "ok"}
            assert client.get("/tasks").status_code == 503
            body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
            stream = client.post("/v1/chat/completions", json=body)
            assert (stream.status_code, stream.json()["error"]["code"]) == (503, "unavailable")
            page = client.get("/admin/", headers={"cookie": f"sessionid={'x' * 32}"})
            assert page.status_code == 503 and "The database does not answer" in page.text
        finally:
            system.servers[0].thaw()
        wait_for(lambda: client.get("/readyz").status_code == 200, "readiness", HEAL_SECONDS)
