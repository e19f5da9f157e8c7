"""Token commands run without a shell, with little around them, for a limited time; nobody else sees their output."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from accounts.microsoft.token_commands import OUTPUT_LIMIT_BYTES, run_program
from bingproject.errors import CookieExpiredError


def python(code: str) -> list[str]:
    """A program of one line."""
    return [sys.executable, "-c", code]


async def test_what_it_prints_comes_back_as_it_is() -> None:
    """Its words are its own: no shell reads them; what it says on the side is dropped."""
    code = "import sys; print(sys.argv[1]); print('aside', file=sys.stderr)"
    assert await run_program([*python(code), "$HOME; `id` *"]) == "$HOME; `id` *"


async def test_it_knows_path_and_home_only() -> None:
    """The server's own environment, where secrets stand, is not handed on."""
    printed = await run_program(["/usr/bin/env"])
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert names == {"PATH", "HOME"} & set(os.environ)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["/nowhere/at/all"], "cannot be run: No such file"),
        (python("print('secret'); raise SystemExit(3)"), "status 3"),
        (python(f"print('s' * {OUTPUT_LIMIT_BYTES + 1})"), "more than 64 KiB"),
        (python("while True: print('s' * 1000)"), "more than 64 KiB"),
    ],
)
async def test_failures_are_words_without_the_output(argv: list[str], words: str) -> None:
    """What went wrong is told; what was printed is not."""
    with pytest.raises(CookieExpiredError, match=words) as caught:
        await run_program(argv)
    assert "sss" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.slow
async def test_at_the_limit_all_that_it_started_is_killed(tmp_path: Path) -> None:
    """A child that the program left behind dies with it."""
    note = tmp_path / "pid"
    code = (
        "import subprocess, time; child = subprocess.Popen(['/bin/sleep', '60']);"
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    started = time.monotonic()
    with pytest.raises(CookieExpiredError, match="took more than 2 s"):
        await run_program(python(code), seconds=2)
    assert time.monotonic() - started < 10
    assert await asyncio.to_thread(comes_to_be_gone, note)


def comes_to_be_gone(note: Path) -> bool:
    """Whether the process whose id stands there ends soon."""
    for _ in range(100):
        if is_gone(int(note.read_text())):
            return True
        time.sleep(0.05)
    return False


def is_gone(pid: int) -> bool:
    """Ended, though nobody may have asked after it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
