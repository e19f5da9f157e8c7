"""The database is locked, full or gone: 503 `unavailable` for everybody, one entry in the log, and no lasting harm."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import DataError, IntegrityError, InterfaceError, InternalError, OperationalError, connection

from bingproject.api.viewsets import translate
from bingproject.cluster.database_identity import verify_installation
from bingproject.database.outages import OutageLog, is_outage, outages
from bingproject.edge.application import EdgeApplication
from bingproject.errors import InternalError as BugError
from bingproject.errors import UnavailableError
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account, make_user
from tests.servers import LiveServer

CHAT = {"model": "balanced", "messages": [{"role": "user", "content": "hello"}]}
LOCK_SECONDS = 0.3


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No outage of an earlier test is still noted."""
    outages.__init__()  # type: ignore[misc] # the one of this process, as new
    yield
    outages.end()


@pytest.fixture
def impatient(transactional_db: None) -> Iterator[httpx.Client]:
    """A server whose connections wait for SQLite's lock only a moment, and never let the file grow."""
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's own failures")
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)
    options["timeout"] = LOCK_SECONDS
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
    options["init_command"] += f"PRAGMA max_page_count={pages + 200};"
    server = LiveServer(EdgeApplication(start=verify_installation)).start()
    try:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.stop()
        options.clear()
        options.update(before)


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else holds the file for writing, as a backup or a stuck program does."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full() -> Iterator[None]:
    """There is no room for another page: what the server's connections may have is used up by somebody else."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("CREATE TABLE ballast (data BLOB)")
    other.execute("INSERT INTO ballast VALUES (zeroblob(?))", (260 * 4096,))
    try:
        yield
    finally:
        other.execute("DROP TABLE ballast")
        other.close()


def check_unavailable(answer: httpx.Response) -> None:
    """503 in the API's form."""
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (503, "api_error", "unavailable"), answer.text
    assert answer.headers["retry-after"] == "10" and answer.headers["x-request-id"]
    assert "tell the operator" in error["message"] and "locked" not in answer.text and "disk" not in answer.text


def log_in(client: httpx.Client) -> httpx.Response:
    """The operators' log-in form, filled in."""
    page = client.get("/admin/login/")
    form = {"username": "admin", "password": "x", "csrfmiddlewaretoken": page.cookies["csrftoken"]}
    return client.post("/admin/login/", data=form, headers={"origin": str(client.base_url).rstrip("/")})


@pytest.mark.slow
def test_a_locked_file(impatient: httpx.Client, hub: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
    """Creates, chats, streams, two-call and a log-in: 503, an understandable page, one entry, and all well again."""
    make_account("alice")
    make_user("u1")
    User.objects.create_superuser("admin", password="x")
    opened = impatient.post("/create_conversation", json={"userId": "u1"}).json()
    posts = {
        "/create/image": {"query": "a fox"},
        "/v1/images/generations": {"prompt": "a fox"},
        "/v1/chat/completions": CHAT,
        "/create_conversation": {"userId": "u1"},
        "/chatgpt": opened | {"prompt": "hello"},
    }
    with caplog.at_level(logging.INFO), locked():
        for path, body in posts.items():
            check_unavailable(impatient.post(path, json=body))
        check_unavailable(impatient.post("/v1/chat/completions", json=CHAT | {"stream": True}))
        page = log_in(impatient)
        assert impatient.get("/options").status_code == 200 and impatient.get("/healthz").status_code == 200
    assert (page.status_code, page.headers["retry-after"]) == (503, "10")
    assert "The database does not answer" in page.text and "text/html" in page.headers["content-type"]
    check_log(caplog)
    for path in ("/v1/chat/completions", "/chatgpt"):
        assert impatient.post(path, json=posts[path]).status_code == 200
    assert log_in(impatient).status_code == 302


def check_log(caplog: pytest.LogCaptureFixture) -> None:
    """One entry with a stack for the whole outage, and no other."""
    entries = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in entries] == ["bingproject.database.outages"], [
        record.getMessage() for record in entries
    ]
    assert entries[0].exc_text and "requests that need it get 503" in entries[0].getMessage()


def test_a_full_disk(impatient: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """Creates are 503 as soon as there is no room, reads go on, and so do creates when there is room again."""
    make_account("alice")
    with caplog.at_level(logging.INFO), full():
        answers = [create(impatient) for _ in range(100)]  # what pages still have is used up first
        check_unavailable(answers[-1])
        assert impatient.get("/tasks").status_code == 200
    check_log(caplog)
    assert create(impatient).status_code == 202


def create(client: httpx.Client) -> httpx.Response:
    """Ask for a picture whose prompt fills a page of the database."""
    return client.post("/create/image", json={"query": "x" * 4000}, headers={"prefer": "respond-async"})


@contextmanager
def away(table: str) -> Iterator[None]:
    """The table is missing, as after a restore that went wrong."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@pytest.mark.django_db(transaction=True)
def test_a_missing_table_is_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    """On both databases, in a view and before it: 500 `internal` and a stack each; no outage. The home page opens."""
    server = LiveServer(EdgeApplication(start=verify_installation)).start()
    key = {"authorization": "Bearer bp_unknown"}
    try:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client, caplog.at_level(logging.INFO):
            with away("creator_task"):
                answers = [client.get(path) for path in ("/health", "/tasks")]
                page = client.get("/", headers={"accept": "text/html"})
            with away("accounts_apikey"):
                # The gate asks who sends a large body before it reads the body.
                answers.append(client.post("/v1/chat/completions", json=CHAT | {"x": "x" * 100_000}, headers=key))
    finally:
        server.stop()
    found = [(answer.status_code, answer.json()["error"]["code"]) for answer in answers]
    assert (found, page.status_code) == ([(500, "internal")] * 3, 200)
    entries = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [bool(record.exc_text) for record in entries] == [True] * 3
    assert "bingproject.database.outages" not in {record.name for record in entries}


def test_only_outages_are_unavailable() -> None:
    """A constraint that is broken is a bug, and stays one."""
    assert isinstance(translate(OperationalError("server closed the connection")), UnavailableError)
    assert isinstance(translate(IntegrityError("duplicate key")), BugError)


def test_one_entry_for_each_outage(caplog: pytest.LogCaptureFixture) -> None:
    """The first failure with its stack, the end with the count; another outage in the same minute has no stack."""
    log = OutageLog()
    error = OperationalError("gone")
    with caplog.at_level(logging.INFO, "bingproject.database.outages"):
        for _ in range(2):
            for _ in range(3):
                log.note(error)
            log.end()
        log.end()
    assert [bool(record.exc_text) for record in caplog.records] == [True, False, False, False]
    assert "3 queries had failed" in caplog.records[1].getMessage()
    assert "answers again" in caplog.records[3].getMessage()


def test_no_debug_pages() -> None:
    """The page of an outage is ours: Django's own would show the query."""
    assert not django_settings.DEBUG


@pytest.mark.parametrize(
    ("kind", "sqlstate", "expected"),
    [
        (OperationalError, "57P01", True),
        (OperationalError, None, True),
        (InterfaceError, None, True),
        (InternalError, "25006", True),
        (OperationalError, "54000", False),
        (InternalError, "XX000", False),
        (DataError, "22P05", False),
        (ValueError, None, False),
    ],
)
def test_only_outages_are_waited_for(kind: type[Exception], sqlstate: str | None, expected: bool) -> None:
    """A server that is away, busy or no longer the primary comes back; a value that is refused stays refused."""
    error = kind("x")
    cause = Exception("the driver's own")
    cause.sqlstate = sqlstate  # type: ignore[attr-defined]
    error.__cause__ = cause
    assert is_outage(error) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_WRITE, True),
        (sqlite3.SQLITE_READONLY_DBMOVED, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_NOTADB, False),
    ],
)
def test_sqlite_says_by_its_code_what_may_be_waited_for(code: int, expected: bool) -> None:
    """A lock or a full disk passes; a missing table or a broken file does not, whatever class the driver gives it."""
    error = OperationalError("x")
    error.__cause__ = sqlite3.OperationalError("x")
    error.__cause__.sqlite_errorcode = code
    assert is_outage(error) is expected


@pytest.mark.skipif(connection.vendor != "sqlite", reason="one file, one writer")
def test_a_locked_sqlite_file_is_waited_for(tmp_path: Path) -> None:
    """The code comes with the error that the driver really raises."""
    with closing(sqlite3.connect(tmp_path / "x", timeout=0)) as one, closing(sqlite3.connect(tmp_path / "x")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OperationalError) as caught, connection.wrap_database_errors:
            one.execute("SELECT * FROM sqlite_master").fetchall()
        assert is_outage(caught.value)
