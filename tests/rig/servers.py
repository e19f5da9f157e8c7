"""Throw-away PostgreSQL and Redis servers from the installed binaries, on free ports, in folders of their own.

The machine's own servers are never touched: chaos kills what is started here.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rig.processes import descendants, send

START_SECONDS = 30.0
PORTS, PORT_TRIES = range(20_000, 32_000), 100


class MissingServerError(Exception):
    """A program that is needed is not installed here."""


def free_port() -> int:
    """Return a port that can be listened on together with the next one, where `serve` puts its sandbox.

    Below the range from which systems number outgoing connections: one of those may take a port between this look and
    the server's start.
    """
    for _ in range(PORT_TRIES):
        port = secrets.choice(PORTS)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no two free ports in a row")


def is_listening(port: int) -> bool:
    """Whether somebody takes connections."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(is_true: Callable[[], bool], what: str, seconds: float = START_SECONDS, step: float = 0.02) -> float:
    """Wait until it is true; how long that took. Raises: TimeoutError."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what} did not come about in {seconds:g} s")
        time.sleep(step)
    return time.monotonic() - began


def _program(name: str) -> str:
    # Debian's own folder first: what stands on its PATH are wrappers that look at their own name.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise MissingServerError(f"{name} is not installed")
    return found


def _postgres_user() -> int:
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        raise MissingServerError("root needs the system's user postgres to run PostgreSQL") from None


class OwnServer:
    """A server of ours that can be killed, stopped and started again on the same port and files."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._account: dict[str, Any] = {}  # whose process it is, when not ours

    def command(self) -> list[str]:
        """How it is started in the foreground."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it takes work."""
        return is_listening(self.port)

    def start(self) -> None:
        """Start it and wait until it takes work."""
        log = (self._folder / f"{self.name}.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **self._account,
            )
        wait_for(self.is_ready, f"{self.name} to answer")

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        return [] if self._process is None or self._process.poll() is not None else descendants(self._process.pid)

    def kill(self) -> None:
        """kill -9 of all of it."""
        pids = self.pids
        send(pids, signal.SIGKILL)
        send(pids, signal.SIGCONT)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """Have it answer nothing while its connections stay, as a server that hangs."""
        send(self.pids, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        send(self.pids, signal.SIGCONT)

    def stop(self) -> None:
        """End it for good."""
        self.kill()


class OwnPostgres(OwnServer):
    """A PostgreSQL cluster with one database, `rig`; durable as installed (fsync stays on)."""

    def __init__(self, folder: Path) -> None:
        super().__init__("postgres", folder)
        self._files = folder / "postgres"
        self._files.mkdir()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            account = pwd.getpwnam("postgres")
            # Without root's groups: with them the folders' bits for the group would bar it.
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self._files, account.pw_uid, -1)
            for parent in (folder, *folder.parents):
                if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o001)
        subprocess.run(
            [_program("initdb"), "-D", str(self._files), "-U", "rig", "-A", "trust", "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, cwd="/", **self._account,
        )  # fmt: skip

    def command(self) -> list[str]:
        """Loopback only, room for two machines."""
        return [
            _program("postgres"), "-D", str(self._files), "-p", str(self.port), "-h", "127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "max_connections=100",
        ]  # fmt: skip

    def is_ready(self) -> bool:
        """Whether it takes queries: after a kill it first recovers."""
        return subprocess.run(
            [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "rig", "-d", "postgres"],
            check=False,
        ).returncode == 0  # fmt: skip

    def create_database(self) -> str:
        """Make the database; its address."""
        subprocess.run(
            [_program("createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "rig", "rig"], check=True
        )  # fmt: skip
        return f"postgres://rig@127.0.0.1:{self.port}/rig"


class OwnRedis(OwnServer):
    """A Redis that forgets everything when it is killed: the worst case for the queue."""

    def __init__(self, folder: Path) -> None:
        super().__init__("redis", folder)

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Loopback only, nothing on disk."""
        return [
            _program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(self._folder),
        ]  # fmt: skip
