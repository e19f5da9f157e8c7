"""The log file as processes write it: nothing is lost between them, and a file that cannot be had is one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.parts import ROOT, inherited_environment

PROCESSES, LINES = 4, 1000
ROTATED_BYTES = 80_000  # so that the lines below fill three files and part of a fourth
# As `serve` does: kept before the forks; in one of them Django is set up a second time, as in the web process.
WRITE = f"""
import logging, os
import django
django.setup()
from bingproject.conf import log_file
from bingproject.server.log_keeping import keep_log
log_file.FILE_BYTES = {ROTATED_BYTES}
keep_log()
reading, writing = os.pipe()
def write(number):
    if not number:
        django.setup()
    os.close(writing)
    os.read(reading, 1)  # until all are there
    for line in range({LINES}):
        logging.getLogger("tests").warning("process %d line %d _U=%s", number, line, "planted")
    os._exit(0)
pids = [os.fork() or write(number) for number in range({PROCESSES})]
os.close(writing)
assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * {PROCESSES}
"""
KEEP = """
import logging, os, sys
import django
from bingproject.conf.environment import SettingError
django.setup()
from bingproject.server import log_keeping
try:
    getattr(log_keeping, sys.argv[1])()
except SettingError as error:
    sys.exit(str(error))
logging.getLogger("tests").warning("a line")
"""


def run(folder: Path, code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A fresh process with its DATA_DIR in the folder."""
    settings = {"DJANGO_SETTINGS_MODULE": "bingproject.settings", "DATA_DIR": str(folder / "data"), "SANDBOX": "1"}
    environment = inherited_environment() | settings | variables
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.slow
def test_several_processes_lose_no_line(tmp_path: Path) -> None:
    """Each line is in one of the files once, masked, with its day; the files are their owner's alone."""
    done = run(tmp_path, WRITE)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "data/logs"
    files = sorted(folder.glob("server.log*"))
    assert len(files) > 2
    lines = [line for path in files for line in path.read_text().splitlines()]
    numbers = [tuple(map(int, re.findall(r"process (\d+) line (\d+)", line)[0])) for line in lines]
    assert sorted(numbers) == [(process, line) for process in range(PROCESSES) for line in range(LINES)]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d WARNING tests: process", line) for line in lines)
    assert not any("planted" in line for line in lines)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert done.stderr.count("process ") == PROCESSES * LINES  # stderr has everything, too


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keep", "given", "kept"),
    [
        ("keep_log", "", "data/logs/server.log"),
        ("keep_log", "-", ""),
        ("keep_log", "own/here.log", "own/here.log"),
        ("keep_given_log", "", ""),
        ("keep_given_log", "-", ""),
        ("keep_given_log", "own/here.log", "own/here.log"),
    ],
)
def test_who_keeps_which_file(tmp_path: Path, keep: str, given: str, kept: str) -> None:
    """`serve` keeps one unless told not to; parts that run apart keep the one that is named."""
    done = run(tmp_path, KEEP, keep, LOG_FILE=str(tmp_path / given) if "/" in given else given)
    assert done.returncode == 0, done.stderr
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.log")]
    assert found == ([kept] if kept else [])
    assert all("a line" in (tmp_path / name).read_text() for name in found)
    assert "a line" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("name", "why"), [("file/server.log", "File exists"), ("folder", "Not a regular file")])
def test_a_file_that_cannot_be_had(tmp_path: Path, name: str, why: str) -> None:
    """Named by an operator it stops the start with one line."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    refused = run(tmp_path, KEEP, "keep_log", LOG_FILE=str(tmp_path / name))
    assert refused.returncode == 1
    assert refused.stderr.startswith("LOG_FILE must be a file in a folder that this user can write into, not ")
    assert f"({why})" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_default_file_stops_no_start(tmp_path: Path) -> None:
    """Nobody has asked for it: a warning, and the log is on stderr alone."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/logs").touch()
    done = run(tmp_path, KEEP, "keep_log")
    assert done.returncode == 0
    assert "WARNING bingproject.server.log_keeping: No log file is kept, since " in done.stderr
    assert "a line" in done.stderr


@pytest.mark.slow
def test_a_device_stays_what_it_is(tmp_path: Path) -> None:
    """Rotation renames what LOG_FILE names, and its mode is changed."""
    mode = os.stat(os.devnull).st_mode
    assert run(tmp_path, KEEP, "keep_log", LOG_FILE=os.devnull).returncode == 1
    assert os.stat(os.devnull).st_mode == mode


@pytest.mark.slow
def test_web_processes_that_run_apart_keep_it(tmp_path: Path) -> None:
    """`uvicorn bingproject.asgi:application` imports no more than this."""
    code = "import bingproject.asgi, logging; logging.getLogger('tests').warning('a line')"
    done = run(tmp_path, code, LOG_FILE=str(tmp_path / "web.log"))
    assert done.returncode == 0, done.stderr
    assert "a line" in (tmp_path / "web.log").read_text()
