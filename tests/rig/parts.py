"""Commands of the system under test, kept running the way an init system or compose would: started again on exit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.processes import MARK, Process, end_all, marked, send

ROOT = Path(__file__).resolve().parents[2]
KEEP_SECONDS = 0.2
STOP_SECONDS = 30.0


class Part:
    """One command in a session of its own; everything it forks carries its mark."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        run: str,
        root: Path = ROOT,
    ) -> None:
        self.name = name
        self.mark = f"{run}/{name}."
        self.is_wanted = False
        self.starts = 0
        self._command = list(command)
        self._environment = {**environment, MARK: self.mark}
        self._log = log
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        # The keeper must not find a part wanted and without a process while it is just being started, or stopped.
        self._deciding = threading.Lock()

    @property
    def pid(self) -> int:
        """The main process's id; 0 while there is none."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def processes(self) -> list[Process]:
        """All its living processes."""
        return marked(self.mark)

    def start(self) -> None:
        """Run it."""
        with self._deciding:
            self.is_wanted = True
            self._launch()

    def revive(self) -> None:
        """Run it again, if it is to run and has exited."""
        with self._deciding:
            if self.is_wanted and not self.pid:
                self._launch()

    def _launch(self) -> None:
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, env=self._environment, cwd=self._root,
            )  # fmt: skip

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to stop; how long it took until none of its processes was left."""
        self._want_no_more()
        began = time.monotonic()
        if self.pid:
            send([self.pid], signal.SIGCONT)
            send([self.pid], number)
        while self.processes() or self.pid:
            if time.monotonic() - began > STOP_SECONDS:
                end_all(self.mark)
                raise TimeoutError(f"{self.name} did not stop within {STOP_SECONDS:g} s")
            time.sleep(0.01)
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9 of everything, for good."""
        self._want_no_more()
        end_all(self.mark)

    def _want_no_more(self) -> None:
        with self._deciding:
            self.is_wanted = False


class Keeper(threading.Thread):
    """Starts a part again when it has exited, without clearing up after it: that is the part's own business."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(name="keeper", daemon=True)
        self._parts = parts
        self._is_over = threading.Event()

    def run(self) -> None:
        """Look after the parts until told to leave them."""
        while not self._is_over.wait(KEEP_SECONDS):
            for part in self._parts:
                part.revive()

    def leave(self) -> None:
        """From now on parts stay as they are."""
        self._is_over.set()
        self.join()


def clean_up_when_ended() -> None:
    """SIGTERM and SIGHUP leave by the same way as an error, so that no process of a run outlives its harness."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us in the background


def inherited_environment() -> dict[str, str]:
    """The shell's environment without any setting of ours."""
    wanted = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "USER")
    return {name: os.environ[name] for name in wanted if name in os.environ}
