"""`.ci/setup` and the pins: every supported Python finds all it needs; what is in the way is said at once.

No package is fetched from outside here (.ci/run does that with the system's Python): the interpreter is a script that
writes down what it is asked for, or the index is one of the test's own.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rig.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
RUN_FILES = ("requirements-prod.txt", "requirements-demo.txt")
PYTHONS = ["3.11.0", "3.11.2", "3.11.9", "3.12.0", "3.13.0", "3.14.0"]

# Stands in for an interpreter: `-m venv` makes a folder that looks whole, `-m pip` fails when the file `no-network` is
# there; everything else is real.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
"-m venv"*) mkdir -p .venv/bin .venv/lib/python3.11/site-packages/pip-1.dist-info
    echo "venv" >>calls; touch .venv/bin/activate .venv/lib/python3.11/site-packages/pip-1.dist-info/RECORD
    cp "$0" .venv/bin/python ;;
"-m pip"*) echo "$*" >>calls; [ ! -e no-network ] || { echo "ERROR: no route to the index" >&2; exit 1; } ;;
*) exec REAL "$@" ;;
esac
"""

WHEEL = "slow-1-py3-none-any.whl"
SERVER = "import sys; print('runs', sys.argv[1:])"


def _environment(python: str) -> dict[str, str]:
    here = {name: str(value) for name, value in default_environment().items()}
    return here | {"python_version": python.rpartition(".")[0], "python_full_version": python}


def _pins(*names: str, python: str) -> set[str]:
    """The packages that these files pin for one version of Python."""
    here = _environment(python)
    found: set[str] = set()
    for name in names:
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if re.match(r"[A-Za-z0-9]", line):
                pin = Requirement(line.rstrip("\\ "))
                if pin.marker is None or pin.marker.evaluate(here):
                    found.add(canonicalize_name(pin.name))
    return found


def _needed(roots: list[str], python: str) -> set[str]:
    """The packages that `roots` need with one version of Python, by what is installed here; extras are followed."""
    here = _environment(python)
    waiting = [Requirement(text) for text in roots]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        entry = waiting.pop()
        key = (canonicalize_name(entry.name), frozenset(entry.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            further = [Requirement(text) for text in requires(entry.name) or []]
        except PackageNotFoundError:  # only another Python needs it
            continue
        for one in further:
            if one.marker is None or any(one.marker.evaluate({**here, "extra": extra}) for extra in (*key[1], "")):
                waiting.append(one)
    return {name for name, _ in seen}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_supported_python_finds_all_pins(python: str) -> None:
    """pip refuses a requirement without a hash, so whatever a package needs on that Python has to be pinned."""
    dependencies: list[str] = PROJECT["project"]["dependencies"]
    everything = [*dependencies, *(text for group in GROUPS.values() for text in group)]
    assert not _needed(everything, python) - _pins("requirements.txt", python=python)
    assert not _needed(dependencies, python) - _pins("requirements-prod.txt", python=python)
    assert not _needed([*dependencies, *GROUPS["demo"]], python) - _pins(*RUN_FILES, python=python)


def test_debian_s_python_needs_one_package_more() -> None:
    """The case that failed on Debian 12: redis needs async-timeout before Python 3.11.3."""
    assert "async-timeout" in _pins("requirements-prod.txt", python="3.11.2")
    assert "async-timeout" not in _pins("requirements-prod.txt", python="3.11.7")


@pytest.mark.parametrize("name", RUN_FILES)
def test_nothing_is_deployed_that_was_not_tested(name: str) -> None:
    """Each version of the smaller files is the one of requirements.txt."""
    pin = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([\w.]+)", re.MULTILINE)
    tested = dict(pin.findall((ROOT / "requirements.txt").read_text(encoding="utf-8")))
    deployed = dict(pin.findall((ROOT / name).read_text(encoding="utf-8")))
    assert deployed
    assert deployed.items() <= tested.items()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `.ci/setup` reads, and an interpreter that installs nothing."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, tmp_path)
    (tmp_path / "bingproject/conf").mkdir(parents=True)
    for name in ("__init__.py", "conf/__init__.py", "conf/ports.py"):
        shutil.copy(ROOT / "bingproject" / name, tmp_path / "bingproject" / name)
    python = tmp_path / "python-of-a-test"
    python.write_text(FAKE_PYTHON.replace("REAL", sys.executable), encoding="ascii")
    python.chmod(0o755)
    return tmp_path


def _set_up(clone: Path, part: str = "run", **variables: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "PORT": str(free_port()), "PYTHON": "./python-of-a-test"} | variables
    return subprocess.run(
        ["./.ci/setup", part], cwd=clone, env=given, capture_output=True, text=True, timeout=60, check=False
    )


def _calls(clone: Path) -> list[str]:
    path = clone / "calls"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_the_server_gets_its_own_packages_and_tests_come_on_top(clone: Path) -> None:
    """`run` takes the small files, `all` the large one into the same environment; then neither has anything to do."""
    ran = _set_up(clone)
    assert ran.returncode == 0, ran.stderr
    made, installed = _calls(clone)
    assert made == "venv"
    assert "-r requirements-prod.txt -r requirements-demo.txt" in installed
    assert "--require-hashes" in installed
    assert "--quiet" not in installed  # minutes without a line look like a hang
    assert _set_up(clone).returncode == 0
    assert _calls(clone) == []
    assert _set_up(clone, "all").returncode == 0
    (installed,) = _calls(clone)
    assert installed.endswith("-r requirements.txt")
    for part in ("run", "all"):
        assert _set_up(clone, part).stdout == ""
    assert _calls(clone) == []


def test_new_pins_are_installed(clone: Path) -> None:
    """A pull that changes a pin makes the stamps old."""
    _set_up(clone)
    _calls(clone)
    with (clone / "requirements-prod.txt").open("a", encoding="ascii") as file:
        file.write("# another\n")
    assert _set_up(clone).returncode == 0
    assert len(_calls(clone)) == 1


def test_a_failed_installation_says_why_and_keeps_what_works(clone: Path) -> None:
    """pip's own reason, then ours; what is set up for the server goes on working without the network."""
    _set_up(clone)
    (clone / "no-network").touch()
    ran = _set_up(clone, "all")
    assert ran.returncode == 1
    reason, advice = ran.stderr.splitlines()
    assert reason == "ERROR: no route to the index"
    assert advice.startswith("setup: the packages could not be installed; the lines above say why")
    assert _set_up(clone).returncode == 0


def test_what_an_interrupted_installation_left_is_installed_again(clone: Path) -> None:
    """pip writes RECORD last: what has none is installed again; if that is pip, the environment is made again."""
    _set_up(clone)
    packages = clone / ".venv/lib/python3.11/site-packages"
    for name, is_whole in (("half-1.dist-info", False), ("whole-1.dist-info", True)):
        (packages / name).mkdir()
        (packages / name / "METADATA").touch()
        if is_whole:
            (packages / name / "RECORD").touch()
    (clone / ".venv/.stamp-run").unlink()
    _calls(clone)
    assert _set_up(clone).returncode == 0
    assert sorted(path.name for path in packages.iterdir()) == ["pip-1.dist-info", "whole-1.dist-info"]
    assert len(_calls(clone)) == 1
    (clone / ".venv/.stamp-run").unlink()
    (packages / "pip-1.dist-info/RECORD").unlink()
    assert _set_up(clone).returncode == 0
    assert _calls(clone)[0] == "venv"


def test_a_taken_port_is_said_before_anything_is_installed(clone: Path) -> None:
    """Three minutes of installing do not end in that line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = _set_up(clone, PORT=str(port))
        assert _set_up(clone, "all", PORT=str(port)).returncode == 0  # tests take ports of their own
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"bingproject cannot start: PORT {port} on 127.0.0.1 cannot be used")


class SlowIndex:
    """A package index with one wheel, of which the rest comes once `may_go_on` is set; `is_asked`: pip waits for it."""

    def __init__(self, wheel: bytes) -> None:
        self.is_asked, self.may_go_on = threading.Event(), threading.Event()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_wheel = self.path.endswith(WHEEL)
                body = wheel if is_wheel else f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/zip" if is_wheel else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:99])
                if is_wheel:
                    index.is_asked.set()
                    index.may_go_on.wait()
                with suppress(OSError):  # pip was interrupted
                    self.wfile.write(body[99:])

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End its threads."""
        self.may_go_on.set()
        self._server.shutdown()
        self._server.server_close()


def _wheel() -> bytes:
    """An installable wheel of a package `slow` without any code."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("slow-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
        archive.writestr("slow-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("slow-1.dist-info/RECORD", "slow-1.dist-info/METADATA,,\nslow-1.dist-info/WHEEL,,\n")
    return content.getvalue()


@pytest.fixture
def slow_index(clone: Path) -> Iterator[SlowIndex]:
    """The index that the clone's one pin is on; the clone's server only says that it runs."""
    wheel = _wheel()
    pin = f"slow==1 --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n"
    (clone / "requirements-prod.txt").write_text(pin, encoding="ascii")
    (clone / "requirements-demo.txt").write_text("", encoding="ascii")
    shutil.copy(ROOT / "Makefile", clone)
    (clone / "manage.py").write_text(SERVER, encoding="ascii")
    index = SlowIndex(wheel)
    yield index
    index.close()


def _make_demo(clone: Path, index: SlowIndex) -> subprocess.Popen[str]:
    """`make demo` as the foreground of a terminal: a group of processes that Ctrl-C reaches as a whole."""
    pip = {
        "INDEX_URL": index.url,
        "EXTRA_INDEX_URL": "",
        "FIND_LINKS": "",
        "CONFIG_FILE": os.devnull,
        "NO_CACHE_DIR": "1",
    }
    given = {f"PIP_{name}": value for name, value in pip.items()} | {
        "PATH": os.environ["PATH"], "HOME": str(clone), "PYTHON": sys.executable, "PORT": str(free_port())
    }  # fmt: skip
    return subprocess.Popen(
        ["make", "demo"], cwd=clone, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_while_pip_is_at_work_is_one_line_and_the_next_start_goes_on(clone: Path, slow_index: SlowIndex) -> None:
    """A real pip waits for a package; after Ctrl-C nothing of it runs, and `make demo` gets to the server."""
    with _make_demo(clone, slow_index) as process:
        assert slow_index.is_asked.wait(60)
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    line, *by_make = errors.splitlines()
    assert line == "setup: stopped; the next start goes on from here"
    assert all(line.startswith("make: ***") for line in by_make)
    assert "Traceback" not in said
    assert not (clone / ".venv/.stamp-run").exists()
    slow_index.may_go_on.set()
    for _ in range(2):
        with _make_demo(clone, slow_index) as process:
            said, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
        assert said.splitlines()[-1] == "runs ['serve', '--demo']"


@pytest.mark.parametrize(
    ("python", "line"),
    [
        ("/nowhere/python3", r"setup: PYTHON=/nowhere/python3 does not start \(.*not found.*\); name Python 3\.11"),
        ("./old", r"setup: PYTHON=\./old is Python 3\.9\.2; name Python 3\.11 or newer, or unset PYTHON"),
        ("./bare", r"setup: \./bare lacks the modules venv and ensurepip; .* apt install python3-venv"),
    ],
)  # fmt: skip
def test_a_python_that_was_named_gets_its_own_message(clone: Path, python: str, line: str) -> None:
    """It was named, so it was found: what is the matter with it is another thing."""
    (clone / "old").write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2"\n[ "$1" = -V ]\n', encoding="ascii")
    (clone / "bare").write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n', encoding="ascii")
    for name in ("old", "bare"):
        (clone / name).chmod(0o755)
    ran = _set_up(clone, PYTHON=python)
    assert ran.returncode == 1
    assert re.match(line, ran.stderr), ran.stderr
    assert ran.stderr.count("\n") == 1
