"""The supervisor as a real process over small services: killed, stopped, started again."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bingproject.cluster.clusters import SECONDS, environment
from tests.rig.parts import Part
from tests.rig.processes import send
from tests.rig.servers import wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")


class SupervisorRun:
    """One supervisor over one of the lists in `supervised.py`."""

    def __init__(self, folder: Path, services: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        command = [sys.executable, "-m", "tests.bingproject.server.supervised", str(folder), services]
        settings = environment(folder, DJANGO_SETTINGS_MODULE="bingproject.settings")
        self.part = Part("supervisor", command, settings, self.log, str(folder))
        self.part.start()

    def journal(self) -> list[str]:
        """What happened, without process ids."""
        return [line.rpartition(" ")[0] for line in self._lines()]

    def _lines(self) -> list[str]:
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def pid_of(self, name: str) -> int:
        """The newest process of a service."""
        return int([line for line in self._lines() if line.startswith(f"{name} begins")][-1].rpartition(" ")[2])

    def wait(self, line: str, count: int = 1) -> None:
        """Wait until a line stands there so often."""
        wait_for(lambda: self.journal().count(line) >= count, f"{count} x {line}", SECONDS)

    def wait_end(self) -> int | None:
        """Wait until no process is left; the supervisor's exit code."""
        wait_for(lambda: not self.part.pid and not self.part.processes(), "the end", SECONDS)
        return self.part.exit_code


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder; what runs on it is killed in the end."""
    yield tmp_path
    part = Part("supervisor", [], {}, tmp_path / "log", str(tmp_path))
    part.kill()


@pytest.fixture(autouse=True)
def hangups() -> Iterator[None]:
    """They count, also where the tests themselves run under nohup, whose way a supervisor would follow."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything(folder: Path, number: int) -> None:
    """Every service is asked to stop, the supervisor is the last to go, with exit code 0."""
    run = SupervisorRun(folder, "plain")
    run.wait("one begins")
    run.wait("two begins")
    send([run.part.pid], number)
    assert run.wait_end() == 0
    assert sorted(run.journal()[2:6]) == ["one ends", "one is asked", "two ends", "two is asked"]
    assert run.journal()[6:] == ["supervisor ends"]


def test_a_killed_service_starts_again(folder: Path) -> None:
    """Only the dead one starts again, and the log says so."""
    run = SupervisorRun(folder, "plain")
    run.wait("one begins")
    run.wait("two begins")
    send([run.pid_of("one")], signal.SIGKILL)
    run.wait("one begins", 2)
    assert run.journal().count("two begins") == 1
    assert "one ended (killed by signal 9); it starts again" in run.log.read_text()
    send([run.part.pid], signal.SIGTERM)
    assert run.wait_end() == 0


def test_foundations_end_last(folder: Path) -> None:
    """What others stand on is asked to stop when they are gone."""
    run = SupervisorRun(folder, "layered")
    run.wait("ground begins")
    run.wait("upper begins")
    send([run.part.pid], signal.SIGTERM)
    assert run.wait_end() == 0
    assert run.journal()[2:] == [
        "upper is asked", "upper ends", "ground is asked", "ground ends", "supervisor ends",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_service_that_does_not_stop_is_killed(folder: Path) -> None:
    """Seconds after the signal the stubborn one is killed, and the supervisor ends as usual."""
    run = SupervisorRun(folder, "stubborn")
    run.wait("stubborn begins")
    send([run.part.pid], signal.SIGTERM)
    assert run.wait_end() == 0
    assert run.journal()[1:] == ["stubborn is asked", "supervisor ends"]
    assert "stubborn did not stop in time" in run.log.read_text()


def test_a_second_signal_does_not_wait(folder: Path) -> None:
    """Whoever presses Ctrl-C twice does not want to wait for anybody."""
    run = SupervisorRun(folder, "stubborn")
    run.wait("stubborn begins")
    send([run.part.pid], signal.SIGINT)
    run.wait("stubborn is asked")
    send([run.part.pid], signal.SIGINT)
    assert run.wait_end() == 0
    assert run.journal()[2:] == ["supervisor ends"]


def test_a_killed_supervisor_takes_all_with_it(folder: Path) -> None:
    """kill -9 of the supervisor: the kernel ends the services, so that a new start finds the ports free."""
    run = SupervisorRun(folder, "plain")
    run.wait("one begins")
    run.wait("two begins")
    send([run.part.pid], signal.SIGKILL)
    assert run.wait_end() == -signal.SIGKILL


def test_once_is_once(folder: Path) -> None:
    """A service that is there to end is not started again when it has."""
    run = SupervisorRun(folder, "once")
    run.wait("hello begins")
    run.wait("one begins")
    send([run.pid_of("one")], signal.SIGKILL)
    run.wait("one begins", 2)
    assert run.journal().count("hello begins") == 1
    send([run.part.pid], signal.SIGTERM)
    assert run.wait_end() == 0


@pytest.mark.slow
def test_a_failing_service_is_tried_more_and_more_slowly(folder: Path) -> None:
    """Each try comes after a longer pause; a setting that cannot be used is one line, not a stack."""
    run = SupervisorRun(folder, "failing")
    run.wait("failing begins", 4)
    run.wait("refusing begins", 2)
    send([run.part.pid], signal.SIGTERM)
    assert run.wait_end() == 0
    log = run.log.read_text()
    assert "failing ended (exit code 7); it starts again in 0.25 s" in log
    assert "failing ended (exit code 7); it starts again in 1 s" in log
    assert "bingproject cannot start: NAME must be a thing" in log
    assert "Traceback" not in log
