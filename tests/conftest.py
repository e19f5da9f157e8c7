"""What most tests stand on: a database of their own, the sandbox and the real server on ports, clients, rows."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import AsyncClient, Client, TransactionTestCase
from rest_framework.test import APIClient

from accounts.models import Account
from bingproject.cluster.database_identity import verify_installation
from bingproject.edge.application import EdgeApplication
from bingproject.sandbox.server import SandboxServer
from tests.emptying import empty_used_tables, remember_migrated_rows
from tests.factories import make_account, make_key, make_machine
from tests.servers import LiveServer

SANDBOX_OPTIONS: dict[str, Any] = {
    "image_seconds": 0,
    "video_seconds": 0,
    "after_polls": 0,
    "submit_seconds": 0,
    "image_limit": 100,
}


MEMORY = Path("/dev/shm")
LEAST_FREE_BYTES = 1024**3


def pytest_configure() -> None:
    """Put the folders of tests into memory where there is room: SQLite waits for the disk at each commit."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= LEAST_FREE_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, whose every pass would visit thousands of tests, none of them garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run may be asked for."""
    parser.addoption("--screenshots", action="store_true", help="browser tests put their pictures into docs/images/")


@pytest.fixture(scope="session", autouse=True)
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A single trusted certificate instead of 140: each httpx client loads them all, 0.1 s, and no test uses TLS."""
    end = "-----END CERTIFICATE-----"
    first = Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(first + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Give each process of a run a test database of its own; SQLite's is a file, so that threads share it."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database; at the end asgiref's own thread lets go of it, or PostgreSQL would not drop it."""
    with django_db_blocker.unblock():
        remember_migrated_rows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_used_tables)
        yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Pages link static files by their plain names: nothing has been collected for tests."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Passwords of operators are hashed at once: the slow way takes a tenth of a second each time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    """One sandbox for the run."""
    with SandboxServer(**SANDBOX_OPTIONS) as server:
        yield server


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the constant pauses before a poll or a retry, which no test of behaviour depends on."""
    monkeypatch.setattr("creator.engine.poll_schedule._FIRST_POLL_SECONDS", 0.4)
    monkeypatch.setattr("creator.services.media.AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("chat.services.turn_recovery.RETRY_PAUSE_SECONDS", 0.05)


@pytest.fixture
def forgotten_claims(request: pytest.FixtureRequest) -> None:
    """Remove the mark of the last claim: a rolled-back test takes its rows back, and the next looks like a restore."""
    # pytest-django makes a test database only for tests that ask for one. Without it, the name is the developer's own.
    if not {"db", "transactional_db"} & set(request.fixturenames) and not request.node.get_closest_marker("django_db"):
        return
    request.getfixturevalue("django_db_setup")
    Path(f"{connection.settings_dict['NAME']}.claims").unlink(missing_ok=True)


@pytest.fixture
def sandbox(sandbox_server: SandboxServer, settings: Any, short_pauses: None, forgotten_claims: None) -> SandboxServer:
    """Bing's stand-in, having forgotten everything, in place of Bing; results are ready at once."""
    httpx.post(f"{sandbox_server.url}/_sandbox/reset").raise_for_status()
    httpx.post(f"{sandbox_server.url}/_sandbox/options", json=SANDBOX_OPTIONS).raise_for_status()
    settings.BING_URL = settings.BING_MEDIA_URL = sandbox_server.url
    return sandbox_server


@pytest.fixture
def hub(sandbox: SandboxServer, settings: Any) -> SandboxServer:
    """The sandbox in place of all chat back ends too, with short timers."""
    socket_url = sandbox.url.replace("http", "ws", 1)
    settings.SYDNEY_URL, settings.M365_URL = f"{socket_url}/sydney/ChatHub", f"{socket_url}/m365Copilot/Chathub"
    settings.COPILOT_URL = sandbox.url
    settings.CHAT_FIRST_RECORD_SECONDS = 2.0
    settings.CHAT_GAP_SECONDS = 2.0
    return sandbox


@pytest.fixture(scope="session")
def running_server(django_db_setup: None, django_db_blocker: Any) -> Iterator[LiveServer]:
    """The real application behind uvicorn, one for the run."""
    with django_db_blocker.unblock():
        # Without its registration: that writes whether or not a test has the database.
        server = LiveServer(EdgeApplication(start=verify_installation)).start()
    yield server
    with django_db_blocker.unblock():
        server.stop()


@pytest.fixture
def site(running_server: LiveServer, transactional_db: None) -> LiveServer:
    """The real server, and rows it can see (`live_server` is pytest-django's own, under WSGI)."""
    return running_server


@pytest.fixture
def http(site: LiveServer) -> Iterator[httpx.Client]:
    """A client of the real server; nothing about it is a browser's."""
    with httpx.Client(base_url=site.url, timeout=30) as client:
        yield client


@pytest.fixture
def thread_hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that coroutines of this process have had run in a thread."""
    names: list[str] = []
    hop = SyncToAsync.__call__

    async def noted(self: SyncToAsync[..., Any], *args: Any, **kwargs: Any) -> Any:
        names.append(getattr(self.func, "__name__", repr(self.func)))
        return await hop(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", noted)
    return names


@pytest.fixture
def api() -> APIClient:
    """DRF's client: straight into the views, past the gate."""
    return APIClient()


@pytest.fixture
def async_api() -> AsyncClient:
    """Django's asynchronous client: straight into the views, past the gate."""
    return AsyncClient()


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    """A browser with an operator logged in."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    return client


@pytest.fixture
def own_cluster(db: None) -> None:
    """This machine's own workers live, so that what is asked for is queued for them."""
    make_machine(machine_id=settings.MACHINE_ID)


@pytest.fixture
def account(db: None) -> Account:
    """An account that is signed in."""
    return make_account("alice")


@pytest.fixture
def api_key(db: None) -> str:
    """A key of a whitelisted user."""
    return make_key()[1]
