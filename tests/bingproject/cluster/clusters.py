"""`manage.py cluster` as a real process for tests: start it, find its processes by role, read what its jobs wrote."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType

from cryptography.fernet import Fernet

from tests.rig.parts import ROOT, Part, inherited_environment
from tests.rig.processes import send, thread_count
from tests.rig.servers import wait_for

MANAGE = [sys.executable, "manage.py"]
SECONDS = 25.0  # enough on a busy machine for whatever is waited for
SEAL_KEY = Fernet.generate_key().decode("ascii")


def environment(folder: Path, machine: str = "m1", **settings: str) -> dict[str, str]:
    """What a cluster on this folder's database sees."""
    return {
        **inherited_environment(),
        "DATA_DIR": str(folder),
        "CLUSTER_FOLDER": str(folder),
        "MACHINE_ID": machine,
        "SECRET_KEY": "of a test",
        "SEAL_KEYS": SEAL_KEY,
        "DJANGO_SETTINGS_MODULE": "tests.bingproject.cluster.cluster_settings",
        **settings,
    }


def manage(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command of manage.py to its end."""
    return subprocess.run(
        [*MANAGE, *arguments], env=environment(folder, **settings), cwd=ROOT, capture_output=True, text=True, timeout=60
    )


class ClusterRun:
    """One cluster in a session of its own; a context manager that leaves nothing running."""

    def __init__(self, folder: Path, machine: str = "m1", log: str = "first", **settings: str) -> None:
        self.folder = folder
        self.log = folder / f"{log}-{machine}.log"
        (folder / "orders").mkdir(exist_ok=True)
        command = [*MANAGE, "cluster"]
        self._part = Part(self.log.stem, command, environment(folder, machine, **settings), self.log, str(folder))

    def __enter__(self) -> ClusterRun:
        self._part.start()
        try:
            wait_for(lambda: self.is_complete() or not self.main, "the whole cluster", SECONDS)
            assert self.is_complete(), self.log.read_text()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Kill what is left of it."""
        self._part.kill()
        wait_for(lambda: self._part.exit_code is not None, "the exit code")

    def is_complete(self) -> bool:
        """Whether every process of a cluster runs under its own name."""
        roles = Counter(process.name for process in self._part.processes())
        return roles == {"bp-cluster": 1, "bp-guard": 1, "bp-worker": 3, "bp-monitor": 1, "bp-pusher": 1}

    @property
    def main(self) -> int:
        """The main process."""
        return self._part.pid

    def pids(self, role: str = "") -> list[int]:
        """Living processes of a role such as bp-guard; all of them without one."""
        return [process.pid for process in self._part.processes() if role in ("", process.name)]

    def kill(self, role: str, count: int | None = None, number: int = signal.SIGKILL) -> None:
        """Send a signal, -9 by default, to processes of a role."""
        send(self.pids(role)[:count], number)

    def order(self, text: str) -> None:
        """Ask for a job: "echo x" or "stay 3"."""
        draft = self.folder / f"order-{text}"
        draft.write_text(text)
        draft.rename(self.folder / "orders" / text.replace(" ", "-"))

    def want_caller_id(self) -> None:
        """Have one long job run from now on."""
        (self.folder / "wanted").touch()

    def journal(self, beginning: str = "") -> list[str]:
        """What jobs wrote, those lines that begin so."""
        path = self.folder / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(beginning)]

    def wait_journal(self, beginning: str, count: int = 1) -> None:
        """Wait until so many lines begin so."""
        wait_for(lambda: len(self.journal(beginning)) >= count, f"{count} x {beginning}", SECONDS)

    def wait_end(self) -> int | None:
        """Wait until nothing of it is left; the main process's exit code."""
        wait_for(lambda: not self.main and not self.pids(), "the cluster's end", SECONDS)
        return self._part.exit_code

    def holder_pid(self) -> int:
        """The process that runs the long job."""
        return int(self.journal("hold ")[-1].split()[1])

    def thread_count(self, role: str) -> int:
        """Threads of the first process of a role."""
        return thread_count(self.pids(role)[0])
