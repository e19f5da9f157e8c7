"""The sandbox as a process and as a thread."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bingproject.sandbox.server import SandboxServer, bind
from tests.bingproject.sandbox.conftest import id_of

ROOT = Path(__file__).parents[3]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `python -m bingproject.sandbox` on a free port and yield the process and its address."""
    command = [sys.executable, "-m", "bingproject.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[2]
        finally:
            process.kill()


def submit(url: str, prompt: str) -> httpx.Response:
    """POST an image creation."""
    query = {"q": prompt, "FORM": "GENCRE", "rt": "4", "mdl": "0", "ar": "1"}
    with httpx.Client(cookies={"_U": "alice"}) as client:
        return client.post(f"{url}/images/create", params=query)


def poll(url: str, request_id: str) -> str:
    """Look at a generation once."""
    with httpx.Client(cookies={"_U": "alice"}) as client:
        return client.get(f"{url}/images/create/async/results/{request_id}").text


def test_two_servers_do_not_share_their_memory() -> None:
    """Each has a port and a state of its own, and stops while an answer stalls."""
    with SandboxServer(image_seconds=0) as one, SandboxServer() as two:
        assert one.port != two.port
        submit(one.url, "a cat")
        assert (len(one.state.generations), len(two.state.generations)) == (1, 0)
        with pytest.raises(httpx.ReadTimeout), httpx.Client(cookies={"_U": "a"}, timeout=0.1) as client:
            client.post(f"{two.url}/images/create?q=sandbox:stall&FORM=GENCRE&rt=4&mdl=0&ar=1")
    with pytest.raises(httpx.ConnectError):
        httpx.get(one.url)


def test_a_taken_port_is_told() -> None:
    """Binding it again raises, and the command ends with one line."""
    with SandboxServer() as server:
        with pytest.raises(OSError):
            bind("127.0.0.1", server.port)
        command = [sys.executable, "-m", "bingproject.sandbox", "--port", str(server.port)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"sandbox: port {server.port}: ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to(sign: signal.Signals) -> None:
    """Without Django, without a word on standard error, even while an answer stalls."""
    with started() as (process, url):
        with pytest.raises(httpx.ReadTimeout), httpx.Client(cookies={"_U": "a"}, timeout=0.1) as client:
            client.post(f"{url}/images/create?q=sandbox:stall&FORM=GENCRE&rt=4&mdl=0&ar=1")
        process.send_signal(sign)
        assert process.wait(10) in (0, -signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_killed_sandbox_goes_on_with_its_journal(tmp_path: Path) -> None:
    """After kill -9 the generation is still known, finishes, and is counted once."""
    journal = ("--journal", str(tmp_path / "journal"), "--image-seconds", "0")
    with started(*journal) as (process, url):
        request_id = id_of(submit(url, "a cat"))
        process.kill()
        process.wait(10)
    with started(*journal) as (_process, url):
        assert "image-row-img" in poll(url, request_id)
        submits = httpx.get(f"{url}/_sandbox/submits").json()
    assert [one[:3] for one in submits] == [["a cat", request_id, "alice"]]


def test_it_needs_no_django() -> None:
    """Importing its way in loads nothing of Django and nothing of ours beside it."""
    code = (
        "import sys, bingproject.sandbox.server as s;"
        "ours = [m for m in sys.modules if m.split('.')[0] in ('django', 'accounts', 'creator', 'rest_framework')];"
        "assert not ours, ours"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=20)
