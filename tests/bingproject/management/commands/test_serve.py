"""`manage.py serve` as a real process: the first start, the second, kills below it, and the stop."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.bingproject.clusters import MANAGE, SECONDS, environment, manage
from tests.rig.parts import Part
from tests.rig.processes import send
from tests.rig.servers import free_port, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
WHOLE = {
    "bp-serve": 1, "bp-web": 1, "bp-sandbox": 1, "bp-cluster": 1,
    "bp-guard": 1, "bp-worker": 3, "bp-monitor": 1, "bp-pusher": 1,
}  # fmt: skip
GREETING = "Operator's pages"
opener = build_opener(ProxyHandler({}))


class ServeRun:
    """One `manage.py serve` in the sandbox, on a port and a folder of its own."""

    def __init__(self, folder: Path, static: Path, *arguments: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.port = self._free_pair()
        settings = {
            "DJANGO_SETTINGS_MODULE": "bingproject.settings",
            "SANDBOX": "1",
            "PORT": str(self.port),
            "STATIC_ROOT": str(static),
        }
        self.settings = environment(folder, "serve", **settings)
        self._part = Part("serve", [*MANAGE, "serve", *arguments], self.settings, self.log, str(folder))

    @staticmethod
    def _free_pair() -> int:
        """A free port whose neighbour, the sandbox's, is free as well."""
        while True:
            port = free_port()
            with socket.socket() as neighbour:
                if port < 65000 and neighbour.connect_ex(("127.0.0.1", port + 1)):
                    return port

    def __enter__(self) -> ServeRun:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill what is left of it."""
        self._part.kill()
        wait_for(lambda: self._part.exit_code is not None, "the exit code")

    def start(self) -> None:
        """Start and wait for the last line of the greeting."""
        before = self.text().count(GREETING)
        self._part.start()
        wait_for(lambda: self.text().count(GREETING) > before or not self._part.pid, "a greeting", SECONDS)
        assert self.text().count(GREETING) > before, self.text()

    def text(self) -> str:
        """All it ever printed."""
        return self.log.read_text() if self.log.exists() else ""

    def pids(self, role: str = "") -> list[int]:
        """Living processes of a role."""
        return [process.pid for process in self._part.processes() if role in ("", process.name)]

    def is_whole(self) -> bool:
        """Whether every process is there, once."""
        return Counter(process.name for process in self._part.processes()) == WHOLE

    def get(self, path: str) -> dict[str, object]:
        """A JSON answer of the server."""
        with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=SECONDS) as response:
            return dict(json.load(response))

    def stop(self, number: int) -> int | None:
        """Signal the supervisor; its exit code when nothing is left."""
        send([self._part.pid], number)
        return self.wait_end()

    def wait_end(self) -> int | None:
        """Wait until nothing is left; the supervisor's exit code."""
        wait_for(lambda: not self._part.pid and not self.pids(), "the end", SECONDS)
        return self._part.exit_code


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected files that all starts share."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def running(tmp_path: Path, static: Path) -> Iterator[ServeRun]:
    """A server that has greeted."""
    with ServeRun(tmp_path, static) as run:
        yield run


def test_first_and_second_start(running: ServeRun) -> None:
    """The first start makes everything and shows a password; the second shows none and keeps all; both end clean."""
    first = running.text()
    assert f"Listening on http://127.0.0.1:{running.port}/" in first
    assert len(re.findall(r"password: (\S{16,})", first)) == 1
    assert running.get("/health")["success"] is True
    wait_for(running.is_whole, "all processes", SECONDS)
    assert running.stop(signal.SIGINT) == 0
    running.start()
    second = running.text()[len(first) :]
    assert "password" not in second
    assert "Tables are up to date" not in second
    assert running.stop(signal.SIGTERM) == 0
    with sqlite3.connect(running.folder / "db.sqlite3") as database:
        assert database.execute("SELECT name FROM accounts_account").fetchall() == [("sandbox",)]
        assert database.execute("SELECT username FROM auth_user").fetchall() == [("admin",)]
    database.close()


def test_whatever_is_killed_comes_back(running: ServeRun) -> None:
    """kill -9 of each process in turn: soon there is one of each again, and the server answers."""
    wait_for(running.is_whole, "all processes", SECONDS)
    for role in ("bp-web", "bp-cluster", "bp-guard", "bp-monitor", "bp-pusher", "bp-sandbox", "bp-worker"):
        killed = running.pids(role)
        send(killed, signal.SIGKILL)
        wait_for(lambda killed=killed: running.is_whole() and not {*killed} & {*running.pids()}, role, SECONDS)  # type: ignore[misc]
        assert running.get("/healthz")


def test_a_killed_web_process_turns_no_caller_away(running: ServeRun) -> None:
    """The supervisor holds the port: a request made while there is no web process waits and is answered."""
    for _ in range(3):
        send(running.pids("bp-web"), signal.SIGKILL)
        wait_for(lambda: not running.pids("bp-web"), "the web process's end", SECONDS, step=0.001)
        assert running.get("/healthz")


def test_a_killed_supervisor_leaves_nothing_and_starts_again(running: ServeRun) -> None:
    """kill -9 of the supervisor ends all of it; the same command then finds its ports free."""
    send(running.pids("bp-serve"), signal.SIGKILL)
    running.wait_end()
    with pytest.raises(URLError):
        running.get("/healthz")
    running.start()
    assert running.get("/healthz")


def test_a_taken_port_is_one_line(running: ServeRun) -> None:
    """A second server on the same port, or on the sandbox's, ends at once with one line that names it."""
    settings = {name: running.settings[name] for name in ("DJANGO_SETTINGS_MODULE", "SANDBOX", "STATIC_ROOT")}
    for port in (running.port, running.port + 1, running.port - 1):
        ended = manage(running.folder, "serve", PORT=str(port), **settings)
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert re.search(r"PORT \d+ on 127\.0\.0\.1 cannot be used", ended.stderr)
    assert running.get("/healthz")


def test_demo_makes_a_picture(tmp_path: Path, static: Path) -> None:
    """`--demo` shows addresses of pictures that open, and goes on serving."""
    with ServeRun(tmp_path, static, "--demo") as run:
        wait_for(lambda: "Try next" in run.text(), f"the first picture in {run.log}", SECONDS)
        found = re.findall(r"^  (http://\S+pid=ImgGn)$", run.text(), re.MULTILINE)
        assert len(found) == 4
        with opener.open(found[0], timeout=SECONDS) as picture:
            assert picture.read(3) == b"\xff\xd8\xff"  # a JPEG
        assert run.stop(signal.SIGINT) == 0


def test_demo_needs_the_sandbox(tmp_path: Path) -> None:
    """With the real Bing behind it, nothing is made that nobody asked for."""
    refused = manage(tmp_path, "serve", "--demo", DJANGO_SETTINGS_MODULE="bingproject.settings")
    assert refused.returncode == 1
    assert "--demo needs the sandbox" in refused.stderr


def test_a_cookie_that_cannot_be_used_is_one_line(tmp_path: Path, static: Path) -> None:
    """BING_COOKIE_U is refused before anything is started, without being shown."""
    cookie = '[{"name": "other", "value": "hidden-value"}]'
    refused = manage(
        tmp_path, "serve", DJANGO_SETTINGS_MODULE="bingproject.settings", BING_COOKIE_U=cookie,
        STATIC_ROOT=str(static), PORT=str(free_port()),
    )  # fmt: skip
    assert refused.returncode == 1
    assert "BING_COOKIE_U cannot be used" in refused.stderr
    assert "hidden-value" not in refused.stderr
