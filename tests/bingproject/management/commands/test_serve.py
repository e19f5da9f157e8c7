"""`manage.py serve` as a real process: the first start, the second, kills below it, and the stop."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request

import pytest

from tests.bingproject.cluster.clusters import SECONDS, manage
from tests.bingproject.edge.serving import ServeRun, opener
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


@pytest.mark.slow
def test_first_and_second_start(running: ServeRun) -> None:
    """The first start makes everything and shows a password; the second shows none and keeps all; both end clean."""
    first = running.text()
    assert f"Listening on http://127.0.0.1:{running.port}/" in first
    assert len(set(re.findall(r"user: admin   password: (\S{16,})", first))) == 1
    assert first.index("password: ") < first.index("Listening on")  # said as soon as it is true
    assert "uvicorn" not in first  # its own words for a start are no newcomer's concern
    assert running.get("/health")["success"] is True
    wait_for(running.is_whole, "all processes", SECONDS)
    assert running.stop(signal.SIGINT) == 0
    running.start()
    second = running.text()[len(first) :]
    assert "password:" not in second
    (command,) = re.findall(r"user: admin; forgot the password\? (.*)$", second, re.MULTILINE)
    assert command.startswith(f"DATA_DIR={running.folder} ")
    assert command.endswith(" manage.py changepassword admin")
    assert "Tables are up to date" not in second
    assert running.stop(signal.SIGTERM) == 0
    with sqlite3.connect(running.folder / "db.sqlite3") as database:
        assert database.execute("SELECT name FROM accounts_account").fetchall() == [("sandbox",)]
        assert database.execute("SELECT username FROM auth_user").fetchall() == [("admin",)]
    database.close()


@pytest.mark.slow
def test_a_start_without_an_account_says_where_to_add_one(tmp_path: Path, static: Path) -> None:
    """A green start that can make nothing would leave an operator to find out by a failure."""
    with ServeRun(tmp_path, static, SANDBOX="0") as run:
        address = f"http://127.0.0.1:{run.port}/admin/accounts/account/add/"
        wait_for(
            lambda: f"No account yet, so nothing can be made. Add one: {address}" in run.text(), "the line", SECONDS
        )


@pytest.mark.slow
def test_whatever_is_killed_comes_back(running: ServeRun) -> None:
    """kill -9 of each process in turn: soon there is one of each again, and the server answers."""
    wait_for(running.is_whole, "all processes", SECONDS)
    for role in ("bp-web", "bp-cluster", "bp-guard", "bp-monitor", "bp-pusher", "bp-sandbox", "bp-worker"):
        killed = running.pids(role)
        send(killed, signal.SIGKILL)
        wait_for(lambda killed=killed: running.is_whole() and not {*killed} & {*running.pids()}, role, SECONDS)  # type: ignore[misc]
        assert running.get("/healthz")


@pytest.mark.slow
def test_a_killed_web_process_turns_no_caller_away(running: ServeRun) -> None:
    """The supervisor holds the port: a request made while there is no web process waits and is answered."""
    for _ in range(3):
        send(running.pids("bp-web"), signal.SIGKILL)
        wait_for(lambda: not running.pids("bp-web"), "the web process's end", SECONDS, step=0.001)
        assert running.get("/healthz")


@pytest.mark.slow
def test_a_killed_supervisor_leaves_nothing_and_starts_again(running: ServeRun) -> None:
    """kill -9 of the supervisor ends all of it; the same command then finds its ports free."""
    send(running.pids("bp-serve"), signal.SIGKILL)
    running.wait_end()
    with pytest.raises(URLError):
        running.get("/healthz")
    running.start()
    assert running.get("/healthz")


@pytest.mark.slow
def test_a_second_server_on_the_same_folder_is_one_line(running: ServeRun) -> None:
    """Two would work on the same rows: the second is told of the first, whatever its own port."""
    settings = {name: running.settings[name] for name in ("DJANGO_SETTINGS_MODULE", "SANDBOX", "STATIC_ROOT")}
    for port in (running.port, free_port()):
        ended = manage(running.folder, "serve", PORT=str(port), **settings)
        assert ended.returncode == 1
        (supervisor,) = running.pids("bp-serve")
        assert ended.stderr.startswith(
            f"bingproject cannot start: This DATA_DIR ({running.folder}) is in use by process {supervisor} "
            f"on port {running.port}: "
        )
        assert ended.stderr.count("\n") == 1
    assert manage(running.folder, "whitelist", "list", **settings).returncode == 0  # commands work beside it


@pytest.mark.slow
def test_a_taken_port_is_one_line(running: ServeRun, tmp_path: Path) -> None:
    """A second server on the same port, or on the sandbox's, ends at once with one line that names it."""
    settings = {name: running.settings[name] for name in ("DJANGO_SETTINGS_MODULE", "SANDBOX", "STATIC_ROOT")}
    for port in (running.port, running.port + 1, running.port - 1):
        ended = manage(tmp_path / "other", "serve", PORT=str(port), **settings)
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert re.search(
            r"(PORT \d+|The sandbox's port \d+ \(PORT \+ 1\)) on 127\.0\.0\.1 cannot be used", ended.stderr
        )
    assert running.get("/healthz")


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_demo_for_others_makes_them_a_key(tmp_path: Path, static: Path) -> None:
    """HOST=0.0.0.0: the key, the address and the pictures work for somebody who is not on this machine."""
    with ServeRun(tmp_path, static, "--demo", HOST="0.0.0.0") as run:
        wait_for(lambda: "Try next" in run.text(), f"the first picture in {run.log}", SECONDS)
        text = run.text()
        (key,) = re.findall(r"An API key of the user demo, which others need: (bp_\S+)", text)
        (url,) = re.findall(r"^Others reach it at (http://\S+)/$", text, re.MULTILINE)
        assert "127.0.0.1" not in url
        with opener.open(Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"})) as models:
            assert json.load(models)["data"]
        with pytest.raises(HTTPError, match="401") as refused:
            opener.open(f"{url}/v1/models")
        refused.value.close()
        found = re.findall(r"^  (http://\S+pid=ImgGn)$", text, re.MULTILINE)
        assert len(found) == 4
        assert all(address.startswith(url.rpartition(":")[0]) for address in found)
        with opener.open(found[0], timeout=SECONDS) as picture:
            assert picture.read(3) == b"\xff\xd8\xff"
        assert f"curl {url}/create/image -H 'Content-Type: application/json' -H 'Authorization: Bearer {key}'" in text
        assert run.stop(signal.SIGINT) == 0


@pytest.mark.slow
def test_ctrl_c_before_the_greeting_is_no_stack(tmp_path: Path) -> None:
    """Tables, files, the operator, the first processes: it ends in any of them, and the next start goes on."""
    run = ServeRun(tmp_path, tmp_path / "static", "--demo")
    try:
        for seconds in (0.0, 0.3, 0.7, 1.2, 2.0, 3.0, 5.0):
            lock = tmp_path / "serve.lock"
            lock.unlink(missing_ok=True)
            run.begin()
            wait_for(lock.exists, "the command's first step", SECONDS)  # loading is manage.py's: test_command_line
            time.sleep(seconds)
            run.stop(signal.SIGINT)
        assert "Traceback" not in run.text()
        run.start()
        assert run.get("/healthz")
        password = re.findall(r"password: (\S{16,})", run.text())[-1]
    finally:
        run.end()
    code = f"from django.contrib.auth.models import User; print(User.objects.get().check_password({password!r}))"
    assert manage(tmp_path, "shell", "-v0", "-c", code).stdout == "True\n"


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


@pytest.mark.slow
def test_demo_needs_the_sandbox(tmp_path: Path) -> None:
    """With the real Bing behind it, nothing is made that nobody asked for."""
    refused = manage(tmp_path, "serve", "--demo", DJANGO_SETTINGS_MODULE="bingproject.settings")
    assert refused.returncode == 1
    assert "--demo needs the sandbox" in refused.stderr


@pytest.mark.slow
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
