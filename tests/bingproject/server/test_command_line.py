"""`manage.py` around its commands: no tables, no database and Ctrl-C are a line or less, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bingproject.server import command_line
from tests.rig.servers import MissingServerError, OwnPostgres, free_port, wait_for

# Each of these tests starts the command line in a process of its own.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]


def _environment(folder: Path, **variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "DATA_DIR": str(folder / "data")} | variables


def _manage(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=_environment(folder, **variables), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        "whitelist add alice", "issue_key alice", "whitelist set alice --daily-images 20", "whitelist list",
        "rotate_seals", "probe", "changepassword admin", "createsuperuser", "remove_second_factor admin", "cluster",
        "axes_reset_username admin", "clearsessions", "dumpdata",
    ],
)  # fmt: skip
def test_a_command_without_a_database_is_one_line_and_leaves_nothing(tmp_path: Path, command: str) -> None:
    """What it needs and how to get it; neither an empty database nor keys are made on the way."""
    ran = _manage(tmp_path, *command.split())
    assert ran.returncode == 1
    assert ran.stderr == (
        f"bingproject cannot start: The database has no tables yet (DATA_DIR is {tmp_path / 'data'}): "
        "run manage.py prepare, or start the server.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_as_good_as_none(tmp_path: Path) -> None:
    """The file is there, the tables are not: what settings leave before a first migration."""
    assert _manage(tmp_path, "check").returncode == 0
    assert "has no tables yet" in _manage(tmp_path, "whitelist", "list").stderr
    with sqlite3.connect(tmp_path / "data/db.sqlite3") as database:
        database.execute("CREATE TABLE other (x)")
    database.close()
    ran = _manage(tmp_path, "whitelist", "list")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)


def test_the_demo_s_folder_is_named_where_there_is_one(tmp_path: Path) -> None:
    """Whoever has only run the demo means the demo's database."""
    demo = tmp_path / "data" / "demo"
    assert _manage(tmp_path, "prepare", DATA_DIR=str(demo), SANDBOX="1").returncode == 0
    assert f"The demo has its own: DATA_DIR={demo}." in _manage(tmp_path, "whitelist", "list").stderr
    assert _manage(tmp_path, "whitelist", "list", DATA_DIR=str(demo)).returncode == 0


def test_help_needs_no_database(tmp_path: Path) -> None:
    """Reading about a command comes before anything else."""
    ran = _manage(tmp_path, "whitelist", "--help")
    assert ran.returncode == 0
    assert "usage: manage.py whitelist" in ran.stdout


@pytest.mark.postgres
def test_postgresql_without_tables_is_one_line(tmp_path: Path) -> None:
    """The same for a database that exists and is empty; DATA_DIR has nothing to do with it."""
    try:
        server = OwnPostgres(tmp_path)
    except MissingServerError as error:
        pytest.skip(str(error))
    try:
        server.start()
        keys = {"SECRET_KEY": "of a test", "SEAL_KEYS": Fernet.generate_key().decode()}
        ran = _manage(tmp_path, "whitelist", "list", DATABASE_URL=server.create_database(), **keys)
    finally:
        server.stop()
    assert ran.stderr == (
        "bingproject cannot start: The database has no tables yet: run manage.py prepare, or start the server.\n"
    )


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    """PostgreSQL is away: the line names DATABASE_URL and shows nothing of it."""
    keys = {"SECRET_KEY": "of a test", "SEAL_KEYS": Fernet.generate_key().decode()}
    url = f"postgres://name:hidden@127.0.0.1:{free_port()}/x"
    ran = _manage(tmp_path, "whitelist", "list", DATABASE_URL=url, **keys)
    assert ran.returncode == 1
    assert ran.stderr == (
        "bingproject cannot start: The database does not answer (OperationalError): see DATABASE_URL.\n"
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database in it, and the operator `admin`."""
    folder = tmp_path_factory.mktemp("prepared")
    assert _manage(folder, "prepare").returncode == 0
    made = _manage(
        folder, "createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org",
        DJANGO_SUPERUSER_PASSWORD="a-long-Passphrase-9",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize(
    "command", ["changepassword admin", "createsuperuser", "createsuperuser --username bert", "flush"]
)
def test_a_prompt_that_nobody_can_answer_is_one_line(prepared: Path, command: str, is_closed: bool) -> None:
    """Without a terminal, with nothing or no file at all for the standard input."""
    end = "<&-" if is_closed else "</dev/null"
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" manage.py {command} {end}', sys.executable], cwd=ROOT, env=_environment(prepared),
        capture_output=True, text=True, timeout=120, check=False, start_new_session=True,
    )  # fmt: skip
    name = command.split()[0]
    assert ran.returncode == 1
    assert ran.stderr == f"manage.py {name} asks for input and got none: run it in a terminal.\n"


def test_a_password_can_be_piped(prepared: Path) -> None:
    """As a script does that has no terminal; half of the answers are one line at the end, and no stack."""
    for answers, code in (("another-Passphrase-9\n" * 2, 0), ("another-Passphrase-9\n", 1)):
        ran = subprocess.run(
            [sys.executable, "manage.py", "changepassword", "admin"], cwd=ROOT, env=_environment(prepared),
            input=answers, capture_output=True, text=True, timeout=120, check=False, start_new_session=True,
        )  # fmt: skip
        assert ran.returncode == code
        assert "Traceback" not in ran.stderr


# As `python manage.py prepare`, but the interpreter says when it is up: before that, Ctrl-C is Python's own matter.
COMMAND = """
import runpy, sys
sys.argv = ["manage.py", "prepare"]
print("up", flush=True)
runpy.run_path("manage.py", run_name="__main__")
"""


def _catches_interrupts(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) & 1 << (signal.SIGINT - 1))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="signal handlers are seen in /proc")
@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.6, 1.0, 1.5, 2.0])
def test_ctrl_c_is_no_stack(tmp_path: Path, seconds: float) -> None:
    """While modules load, tables are made or files collected: it ends, without a stack, and can be done again."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        cwd=ROOT, env=_environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        wait_for(lambda: not _catches_interrupts(process.pid), "the first lines of manage.py")
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode in (0, -signal.SIGINT, command_line.INTERRUPTED)
    assert _manage(tmp_path, "prepare").returncode == 0


# Ctrl-C arrives in the callback of a weak reference; the command itself would go on for a minute.
IGNORED = """
import signal, sys, time, weakref
from unittest import mock
from bingproject.server import command_line

class Referent: pass

def interrupted(utility):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    referent = Referent()
    reference = weakref.ref(referent, lambda _: signal.raise_signal(signal.SIGINT))
    del referent
    time.sleep(60)

with mock.patch.object(command_line.Utility, "execute", interrupted):
    command_line.main(["manage.py", "check"])
"""


def test_ctrl_c_where_python_ignores_exceptions_is_not_lost(tmp_path: Path) -> None:
    """The command ends all the same, without a stack, and does not go on as if nobody had pressed anything."""
    ran = subprocess.run(
        [sys.executable, "-c", IGNORED], cwd=ROOT, env=_environment(tmp_path),
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    assert ran.returncode == command_line.INTERRUPTED


class _FailsWhenFreed:
    def __del__(self) -> None:
        raise ValueError("of a test")


def test_other_ignored_exceptions_are_still_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only Ctrl-C is taken out."""
    monkeypatch.setattr(sys, "unraisablehook", command_line._redeliver_interrupt)
    _FailsWhenFreed()
    assert "ValueError: of a test" in capsys.readouterr().err


# What the Makefile does; only GNU's env can.
HOLDING = ["env", "--block-signal=INT"]
CAN_HOLD = subprocess.run([*HOLDING, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not CAN_HOLD, reason="this env cannot block signals")
@pytest.mark.parametrize("milliseconds", [0, 3, 6, 10, 15, 20, 30, 45, 60])
def test_ctrl_c_while_the_interpreter_starts_is_no_stack(tmp_path: Path, milliseconds: int) -> None:
    """Held back by the Makefile until manage.py runs, which it ends."""
    with subprocess.Popen(
        [*HOLDING, sys.executable, "manage.py", "prepare"],
        cwd=ROOT, env=_environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said, errors) == (-signal.SIGINT, "", "")


def test_the_makefile_starts_servers_with_ctrl_c_held_back() -> None:
    """Both of them."""
    ran = subprocess.run(["make", "-n", "run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.count("exec env --block-signal=INT") == (2 if CAN_HOLD else 0)
