"""Chat against the server that `make demo` starts: each snippet of docs/chat.md, the admin, and a dying Bing.

One server serves all tests; the snippets are run as they stand, except for the address.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bingproject.cluster.clusters import SECONDS
from tests.bingproject.edge.serving import START_SECONDS, ServeRun
from tests.journeys.chats import PATH, question
from tests.rig.processes import send
from tests.rig.servers import wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
SNIPPETS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# What each shows, by a word of its own.
CURL, OPENAI, NODE, LANGCHAIN, LLM = "curl -N", "import OpenAI\n\n", "new OpenAI(", "ChatOpenAI", "llm -m"
SAID = "You wrote: “{}” That was turn {}. The sandbox answers, not Bing."
WHY = SAID.format("Why are there two tides a day?", 1)
INSTALL_SECONDS = 240
SLOW = "hello sandbox:words=400 sandbox:gap=0.05"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeRun]:
    """The demo's processes, once the first picture has proved that all of them work."""
    folder = tmp_path_factory.mktemp("demo")
    with ServeRun(folder, tmp_path_factory.mktemp("static"), "--demo") as run:
        wait_for(lambda: "Try next" in run.text(), f"the first picture in {run.log}", START_SECONDS)
        yield run


@pytest.fixture(scope="module")
def operator(demo: ServeRun) -> Iterator[httpx.Client]:
    """A browser that has logged in with the password of the first start."""
    # Printed when the operator is made, and once more in the greeting.
    (password,) = set(re.findall(r"user: admin +password: (\S+)", demo.text()))
    with httpx.Client(base_url=f"http://127.0.0.1:{demo.port}", trust_env=False, timeout=SECONDS) as client:
        client.get("/admin/login/")
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert client.post("/admin/login/", data=form).status_code == 302
        yield client


@pytest.fixture(scope="module")
def foreign_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with LangChain and llm, made for this run; its programs come first."""
    place = tmp_path_factory.mktemp("clients")
    run([sys.executable, "-m", "venv", str(place)], place)
    run([str(place / "bin/pip"), "install", "--quiet", "langchain-openai", "llm"], place)
    return place / "bin"


def run(command: list[str], folder: Path, **environment: str) -> str:
    """What a program prints that must end well."""
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def snippet(word: str, demo: ServeRun) -> str:
    """The page's only snippet with this word, for the server of this run."""
    (text,) = [text for _, text in SNIPPETS if word in text]
    assert "localhost:7860" in text
    return text.replace("localhost:7860", f"127.0.0.1:{demo.port}")


def stream(demo: ServeRun, words: str) -> Any:
    """A streamed question, to be read line by line."""
    address = f"http://127.0.0.1:{demo.port}{PATH}"
    return httpx.stream("POST", address, json=question(words, stream=True), timeout=SECONDS, trust_env=False)


def ask(demo: ServeRun, words: str, past: list[dict[str, str]] | None = None) -> httpx.Response:
    """A question, waited for."""
    address = f"http://127.0.0.1:{demo.port}{PATH}"
    return httpx.post(address, json=question(words, past), timeout=SECONDS, trust_env=False)


def chat_of(demo: ServeRun) -> dict[str, Any]:
    """What the sandbox counted of the chat."""
    state = httpx.get(f"http://127.0.0.1:{demo.port + 1}/_sandbox/state", trust_env=False).json()
    assert state["violations"] == []
    return dict(state["chat"])


def conversations(operator: httpx.Client) -> set[str]:
    """The addresses of the conversations in the admin's list."""
    return set(
        re.findall(r"/admin/chat/conversation/[0-9a-f-]{36}/change/", operator.get("/admin/chat/conversation/").text)
    )


def text_of_stream(shown: str) -> str:
    """The text of a stream that ended well, as curl shows it."""
    *lines, last = [line for line in shown.splitlines() if line]
    assert last == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def test_each_snippet_is_run_here() -> None:
    """A snippet that is added to docs/chat.md needs a test below."""
    words = (CURL, OPENAI, NODE, LANGCHAIN, LLM)
    assert [sum(word in text for word in words) for _, text in SNIPPETS] == [1] * len(words)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(demo: ServeRun, tmp_path: Path) -> None:
    """Lines of data as they come; the last one says that it is done."""
    assert text_of_stream(run(["sh", "-c", snippet(CURL, demo)], tmp_path)) == WHY


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_chats_that_the_demo_says_to_try(demo: ServeRun, tmp_path: Path) -> None:
    """The printed commands, pasted into a terminal: one for each back end, all answered."""
    commands = re.findall(r"^  (curl -N .*)$", demo.text(), re.MULTILINE)
    models = [re.findall(r'"model": "([a-z0-9-]+)"', command)[0] for command in commands]
    assert models == ["balanced", "copilot", "m365"]
    for command in commands:
        assert "News about the tides?" in text_of_stream(run(["sh", "-c", command], tmp_path))


@pytest.mark.slow
def test_openai_for_python(demo: ServeRun, operator: httpx.Client, tmp_path: Path) -> None:
    """A streamed answer with its sources, then a whole one: the admin shows one conversation, two turns."""
    before, creates = conversations(operator), chat_of(demo)["creates"]
    (tmp_path / "program.py").write_text(snippet(OPENAI, demo), encoding="utf-8")
    shown = run([sys.executable, "program.py"], tmp_path)
    assert shown.startswith("You wrote: “Why are there two tides a day? Name your sources.”[^1^] That was turn 1")
    assert re.search(r"^ .+ https?://\S+$", shown, re.MULTILINE)
    assert SAID.format("And in the Mediterranean?", 2) in shown
    assert chat_of(demo)["creates"] == creates + 1
    (address,) = conversations(operator) - before
    page = operator.get(address).text
    assert "Name your sources." in page
    assert "And in the Mediterranean?" in page
    assert page.count("· took ") == 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
def test_openai_for_node(demo: ServeRun, tmp_path: Path) -> None:
    """A stream, printed as it comes."""
    run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "openai"], tmp_path)
    (tmp_path / "program.mjs").write_text(snippet(NODE, demo), encoding="utf-8")
    assert run(["node", "program.mjs"], tmp_path) == SAID.format("A haiku about tides", 1)


@pytest.mark.foreign
def test_langchain(demo: ServeRun, foreign_python: Path, tmp_path: Path) -> None:
    """By its address alone."""
    (tmp_path / "program.py").write_text(snippet(LANGCHAIN, demo), encoding="utf-8")
    assert run([str(foreign_python / "python"), "program.py"], tmp_path) == WHY + "\n"


@pytest.mark.foreign
def test_llm(demo: ServeRun, foreign_python: Path, tmp_path: Path) -> None:
    """By an entry of its own list of further models; without any key."""
    path = f"{foreign_python}:{os.environ['PATH']}"
    shown = run(["sh", "-c", snippet(LLM, demo)], tmp_path, PATH=path, LLM_USER_PATH=str(tmp_path))
    assert shown.strip() == WHY


@pytest.mark.slow
def test_bing_is_killed_in_the_middle(demo: ServeRun, operator: httpx.Client) -> None:
    """kill -9: an error line and no [DONE], 502 to who waits for the whole; a new Bing goes on with the chat."""
    before = conversations(operator)
    with ThreadPoolExecutor(1) as pool, stream(demo, f"one {SLOW}") as answer:
        whole = pool.submit(ask, demo, f"two {SLOW}")
        lines = answer.iter_lines()
        while "hello" not in next(lines):
            continue
        wait_for(lambda: chat_of(demo)["sockets"]["open"] == 2, "both questions", SECONDS)
        send(demo.pids("bp-sandbox"), signal.SIGKILL)
        *_, last = [line for line in lines if line]
        ended = whole.result()
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("api_error", "upstream_interrupted")
    assert (ended.status_code, ended.json()["error"]["code"]) == (502, "upstream_interrupted")
    pages = [operator.get(address).text for address in conversations(operator) - before]
    assert ["upstream_interrupted" in page for page in pages] == [True, True]
    wait_for(demo.is_whole, "a new sandbox", SECONDS)


@pytest.mark.slow
def test_a_chat_outlives_bing(demo: ServeRun, operator: httpx.Client) -> None:
    """The next one knows nothing of the conversation: it is told, the caller notices nothing, the row stays one."""
    before = conversations(operator)
    first = ask(demo, "hello").json()["choices"][0]["message"]["content"]
    send(demo.pids("bp-sandbox"), signal.SIGKILL)
    wait_for(demo.is_whole, "a new sandbox", SECONDS)
    past = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": first}]
    second = ask(demo, "again sandbox:recall", past)
    assert second.status_code == 200, second.text
    assert "hello" in second.json()["choices"][0]["message"]["content"]
    (address,) = conversations(operator) - before
    assert operator.get(address).text.count("· took ") == 2
