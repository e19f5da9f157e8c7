"""`manage.py serve` as a real process: the first start, the second, kills below it, and the stop."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest

from tests.bingproject.clusters import SECONDS, manage
from tests.bingproject.serving import ServeRun, opener
from tests.rig.processes import send
from tests.rig.servers import free_port, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")


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
    assert "uvicorn" not in first  # its own words for a start are no newcomer's concern
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
        assert demo_answers(run) == {"balanced": 200, "copilot": 200, "m365": 200}
        assert run.stop(signal.SIGINT) == 0


def demo_answers(run: ServeRun) -> dict[str, int]:
    """What the same question is answered with by each of the models that the demo names."""
    statuses = {}
    for model in re.findall(r'"model": "(balanced|copilot|m365)"', run.text()):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Tides?"}]}).encode()
        url = f"http://127.0.0.1:{run.port}/v1/chat/completions"
        with opener.open(Request(url, body, {"Content-Type": "application/json"}), timeout=SECONDS) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"]
            statuses[model] = answer.status
    return statuses


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
