"""A clean stop: whoever waits gets an answer, what can go on goes on, and the log has no stack."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from bingproject.cluster.web_shutdown import GRACE_SECONDS, Shutdown
from bingproject.errors import StoppingError
from tests.bingproject.cluster.clusters import MANAGE, SECONDS
from tests.bingproject.edge.serving import ServeRun
from tests.rig.parts import ROOT
from tests.rig.servers import free_port, is_listening, wait_for

CHAT = {"model": "balanced", "messages": [{"role": "user", "content": "Tell me of foxes, at length, please."}]}


class Callers:
    """Clients that wait for a server, each in a thread."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._threads = ThreadPoolExecutor(16)

    def ask(self, method: str, path: str, **options: Any) -> Future[httpx.Response]:
        """Send one request; the answer comes later."""
        return self._threads.submit(httpx.request, method, self.url + path, timeout=60, trust_env=False, **options)

    def now(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and wait for its answer."""
        return self.ask(method, path, **options).result()


class Stream:
    """A chat read as a stream, whose first text has come."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lines: list[str] = []
        self._has_text = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self._has_text.wait(SECONDS)

    def _read(self) -> None:
        path, body = f"{self._url}/v1/chat/completions", CHAT | {"stream": True}
        with httpx.stream("POST", path, json=body, timeout=60, trust_env=False) as answer:
            for line in filter(None, answer.iter_lines()):
                self._lines.append(line)
                if '"content":"' in line:
                    self._has_text.set()

    def lines(self, seconds: float) -> list[str]:
        """All of them, once the stream has ended."""
        self._thread.join(seconds)
        return self._lines


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files are collected once for all servers of these tests."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def served(tmp_path: Path, static: Path) -> Iterator[ServeRun]:
    """A server against its sandbox in which nothing comes to an end by itself."""
    with ServeRun(tmp_path, static) as run:
        options = {"image_seconds": 40, "chat_gap": 5}
        httpx.post(f"http://127.0.0.1:{run.port + 1}/_sandbox/options", json=options).raise_for_status()
        yield run


def open_two_call(callers: Callers, run: ServeRun) -> dict[str, Any]:
    """A conversation of the two-call contract, to ask in."""
    command = [*MANAGE, "whitelist", "add", "anna"]
    subprocess.run(command, env=run.settings, cwd=ROOT, check=True, capture_output=True)
    return dict(callers.now("POST", "/create_conversation", json={"userId": "anna", "user_id": "anna"}).json())


def ask_everything(callers: Callers, earlier: str) -> dict[str, Future[httpx.Response]]:
    """A request on each route that waits."""
    return {
        "image": callers.ask("POST", "/create/image", json={"query": "a red fox"}),
        "async": callers.ask(
            "POST", "/create/image", json={"query": "a hare"}, headers={"prefer": "respond-async, wait=50"}
        ),
        "task": callers.ask("GET", f"/task/{earlier}", headers={"prefer": "wait=60"}),
        "openai": callers.ask("POST", "/v1/images/generations", json={"prompt": "a grey fox"}),
        "chat": callers.ask("POST", "/v1/chat/completions", json=CHAT),
        "kept": callers.ask("POST", "/v1/chat/completions", json=CHAT, headers={"idempotency-key": "k1"}),
    }


def check_stopping(answer: httpx.Response) -> dict[str, Any]:
    """The answer's error, which must be that of a stop, whole and in the API's form."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["retry-after"] == "10" and answer.headers["x-request-id"]
    error = dict(answer.json()["error"])
    assert (error["type"], error["code"], error["param"]) == ("api_error", "stopping", None)
    return error


@pytest.mark.slow
def test_answers_everybody_who_waits(served: ServeRun) -> None:
    """Image waits, waits for a task, OpenAI's images, chats whole and streamed, and two-call; the tasks go on."""
    callers = Callers(f"http://127.0.0.1:{served.port}")
    opened = open_two_call(callers, served)
    before = callers.now("POST", "/create/image", json={"query": "a fox"}, headers={"prefer": "respond-async"})
    earlier = before.json()["data"]["taskId"]
    names = ("conversationId", "clientId", "conversationSignature")
    asked = {name: opened[name] for name in names} | {"prompt": "Tell me of foxes.", "invocationId": 0}
    waiting = ask_everything(callers, earlier) | {"two": callers.ask("POST", "/chatgpt", json=asked)}
    stream = Stream(callers.url)
    # All are at work: the slowest to begin is the task that waits behind the others.
    wait_for(lambda: len(tasks(callers)) == 4, "all tasks", SECONDS)
    web = served.pids("bp-web")[0]
    assert served.stop(signal.SIGTERM) == 0
    lines = stream.lines(SECONDS)
    answers = {name: future.result(SECONDS) for name, future in waiting.items()}
    for name in ("image", "task", "openai"):
        error = check_stopping(answers[name])
        assert f"GET /task/{error['taskId']}" in error["message"]
    assert answers["task"].json()["error"]["taskId"] == earlier
    for name in ("chat", "kept", "two"):
        check_stopping(answers[name])
    assert answers["async"].status_code == 202  # what it asked for: the task's address, and nothing else
    assert answers["async"].headers["location"].endswith(answers["async"].json()["data"]["taskId"])
    assert lines[-1].startswith("data: ") and json.loads(lines[-1][6:])["error"]["code"] == "stopping"
    log = served.text()
    assert "Traceback" not in log and "Exception in ASGI" not in log and "did not stop in time" not in log, log
    check_goes_on(served, callers, web, {name: answers[name].json()["error"]["taskId"] for name in ("image", "openai")})


def check_goes_on(run: ServeRun, callers: Callers, old_web: int, ids: dict[str, str]) -> None:
    """After the next start the tasks come to their end, and the key of the lost chat is free for another try."""
    run.start()
    assert run.pids("bp-web") != [old_web]
    for task_id in ids.values():
        state = callers.now("GET", f"/task/{task_id}").json()["data"]["state"]
        assert state in ("queued", "submitting", "polling", "completed")
    httpx.post(f"http://127.0.0.1:{run.port + 1}/_sandbox/options", json={"chat_gap": 0}).raise_for_status()
    again = callers.now("POST", "/v1/chat/completions", json=CHAT, headers={"idempotency-key": "k1"})
    assert again.status_code == 200, again.text


def tasks(callers: Callers) -> list[dict[str, Any]]:
    """What the caller has under way."""
    return list(callers.now("GET", "/tasks").json()["data"]["tasks"])


@pytest.mark.slow
def test_refuses_new_requests_while_it_stops(served: ServeRun) -> None:
    """503 `stopping` for whoever comes meanwhile, JSON for programs and a page for operators; no reset connection."""
    callers = Callers(f"http://127.0.0.1:{served.port}")
    held = callers.ask("POST", "/v1/chat/completions", json=CHAT)
    with httpx.Client(base_url=callers.url, trust_env=False, timeout=30) as client:
        client.get("/healthz").raise_for_status()
        wait_for(lambda: bool(httpx.get(f"http://127.0.0.1:{served.port + 1}/_sandbox/turns").json()), "a turn")
        os.kill(served.pids("bp-web")[0], signal.SIGTERM)
        wait_for(lambda: client.get("/options").status_code == 503, "the stop", GRACE_SECONDS, 0.01)
        check_stopping(client.post("/create/image", json={"query": "a fox"}))
        page = client.get("/admin/login/")
        assert (page.status_code, page.headers["retry-after"]) == (503, "10")
        assert page.headers["content-type"].startswith("text/html") and "stopping" in page.text
    check_stopping(held.result(SECONDS))


def documented_command() -> list[str]:
    """What the image runs, which operations.md has too."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    command: list[str] = ast.literal_eval(next(line for line in lines if line.startswith("CMD"))[3:].strip())
    operations = " ".join((ROOT / "docs/operations.md").read_text().split())
    assert " ".join(command) in operations
    return command


@pytest.mark.slow
def test_plain_uvicorn_stops_too(tmp_path: Path, static: Path) -> None:
    """The documented command answers a caller who waits, and ends long before its image wait does."""
    with ServeRun(tmp_path, static) as run:
        run.stop(signal.SIGTERM)
    port = free_port()
    command = documented_command()
    for name, value in (("--host", "127.0.0.1"), ("--port", str(port))):
        command[command.index(name) + 1] = value
    log = (tmp_path / "uvicorn.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", *command], env=run.settings, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_for(lambda: is_listening(port) or process.poll() is not None, "uvicorn", SECONDS)
        callers = Callers(f"http://127.0.0.1:{port}")
        held = callers.ask("POST", "/create/image", json={"query": "a fox"})
        wait_for(lambda: len(tasks(callers)) == 1, "the task", SECONDS)
        process.send_signal(signal.SIGTERM)
        error = check_stopping(held.result(SECONDS))
        assert error["taskId"].replace("-", "") in stored_tasks(run)
        process.wait(SECONDS)
    finally:
        process.kill()
        log.close()
    text = (tmp_path / "uvicorn.log").read_text()
    assert "Traceback" not in text and "Exception in ASGI" not in text, text


def stored_tasks(run: ServeRun) -> list[str]:
    """The ids of all tasks, as SQLite has them."""
    with sqlite3.connect(run.folder / "db.sqlite3") as rows:
        return [row[0] for row in rows.execute("SELECT id FROM creator_task")]


# --- the parts ---


def test_interrupts_tracked_work_after_the_grace() -> None:
    """Work under way is cancelled and becomes StoppingError; what ends within the grace ends well."""

    async def main() -> tuple[Any, ...]:
        stop, handed = Shutdown(), asyncio.Event()
        quick = asyncio.create_task(stop.within_grace(asyncio.sleep(0.01, "done")))
        slow = asyncio.create_task(stop.within_grace(asyncio.sleep(60)))
        asleep = asyncio.create_task(stop.sleep(60))
        left = asyncio.create_task(stop.within_grace(asyncio.sleep(60)))
        await asyncio.sleep(0)
        left.cancel()
        stop.begin(handed.set)
        stop.begin(handed.set)  # a second signal: no grace
        assert handed.is_set()
        return tuple(await asyncio.gather(quick, slow, asleep, left, return_exceptions=True))

    quick, slow, asleep, left = asyncio.run(main())
    assert isinstance(quick, StoppingError) and isinstance(slow, StoppingError) and isinstance(asleep, StoppingError)
    assert isinstance(left, asyncio.CancelledError)


def test_lets_work_end_within_the_grace() -> None:
    """Only the end of the grace interrupts it, and then the server is told."""

    async def main() -> str:
        stop, handed = Shutdown(), asyncio.Event()
        work = asyncio.create_task(stop.within_grace(asyncio.sleep(0.01, "done")))
        await asyncio.sleep(0)
        stop.begin(handed.set)
        with pytest.raises(StoppingError):
            stop.check()
        result = await work
        await asyncio.wait_for(handed.wait(), SECONDS)
        await stop.settle()
        return result

    assert asyncio.run(main()) == "done"


def test_hears_a_signal_before_the_server() -> None:
    """The handler that stood there is called once the grace is over, and stands there again afterwards."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    server = signal.getsignal(signal.SIGTERM)

    async def main() -> None:
        stop = Shutdown()
        with stop.hearing_signals():
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.01)
            assert stop.is_begun and not heard
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.01)
            assert heard == [signal.SIGTERM]

    try:
        asyncio.run(main())
        assert signal.getsignal(signal.SIGTERM) is server
    finally:
        signal.signal(signal.SIGTERM, before)
