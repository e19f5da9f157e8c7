"""What the README shows of chat is run as it stands there; only the address is another."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.chats import Chats

SECTION = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").partition("\n## Chat\n")[2]
SNIPPETS: dict[str, str] = dict(
    re.findall(r"^```(\w+)\n(.*?)^```", SECTION.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
)
TIDES = "You wrote: “Why are there two tides a day?” That was turn 1. The sandbox answers, not Bing."


def run(command: list[str], folder: Path, seconds: int = 60) -> str:
    """What a program prints that must end well."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def snippet(language: str, chats: Chats) -> str:
    """The README's snippet, for the server of this run."""
    text = SNIPPETS[language]
    assert "localhost:7860" in text
    return text.replace("localhost:7860", f"{chats.site.host}:{chats.site.port}")


def test_curl(chats: Chats, tmp_path: Path) -> None:
    """Lines of data as they come; the last one says that it is done."""
    lines = [line for line in run(["sh", "-c", snippet("sh", chats)], tmp_path).splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == TIDES


def test_python(chats: Chats, tmp_path: Path) -> None:
    """A whole answer, then a streamed one in the same chat: one conversation, two turns."""
    (tmp_path / "program.py").write_text(snippet("python", chats), encoding="utf-8")
    shown = run([sys.executable, "program.py"], tmp_path)
    assert shown.startswith(TIDES + "\n")
    assert "“And in the Mediterranean?” That was turn 2." in shown
    assert chats.counts()["creates"] == 1


def test_python_shows_sources(chats: Chats, tmp_path: Path) -> None:
    """When Bing has searched they are printed below the answer."""
    text = snippet("python", chats).replace("two tides a day?", "two tides a day? sandbox:search")
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    assert re.search(r"^.+ https?://\S+$", run([sys.executable, "program.py"], tmp_path), re.MULTILINE)


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
def test_node(chats: Chats, tmp_path: Path) -> None:
    """A stream, printed as it comes."""
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "openai"]
    run(install, tmp_path, seconds=240)
    (tmp_path / "program.mjs").write_text(snippet("js", chats), encoding="utf-8")
    assert run(["node", "program.mjs"], tmp_path).startswith("You wrote: “A haiku about tides”")
