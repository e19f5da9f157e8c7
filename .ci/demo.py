"""Starts the real server as a user would, waits for it, stops it with Ctrl-C, and looks for what is left."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 5  # what the project promises for Ctrl-C
NO_PICTURE = re.compile(r"^The first picture .*", re.MULTILINE)  # failed, or could not be asked for
PICTURE = re.compile(r"https?://\S+/th/id/[^\s\"']+")
# What the surrounding run has set must not leak into the server under test.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "BING_COOKIE_U", "SANDBOX", "MAKEFLAGS", "MAKELEVEL")


def free_ports() -> int:
    """Return a port that is free together with the next one, where the sandbox listens.

    Below the range from which systems number outgoing connections, which come and go.
    """
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Demo:
    """A running server: what it printed, where it listens."""

    def __init__(self, command: list[str], folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        environment |= {"HOST": "127.0.0.1", "PORT": str(self.port), "PYTHONUNBUFFERED": "1", **settings}
        # A session of its own is what a terminal gives: Ctrl-C then goes to the whole foreground group.
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            print("   |", line, end="", flush=True)

    def wait_for(self, what: str, found: Callable[[], object], seconds: float) -> str:
        """Ask `found` until it says something; exit with a plain line when the server ends or time runs out."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = found()
            if answer:
                return str(answer)
            if self.process.poll() is not None:
                sys.exit(f"the server ended with {self.process.returncode} before there was {what}")
            time.sleep(0.1)
        sys.exit(f"no {what} within {seconds:g} s")

    def first_picture(self) -> str:
        """The address of the first picture that was printed, empty so far; exits when there will be none."""
        text = "".join(self.lines)
        if failure := NO_PICTURE.search(text):
            sys.exit(failure.group())
        found = PICTURE.search(text)
        return found.group() if found else ""

    def is_listening(self) -> bool:
        """Whether the port takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def interrupt(self) -> float:
        """Ctrl-C; the seconds until the command has returned and nothing of it runs. Exits when that takes too long."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        while self.process.poll() is None or self.left():
            if time.monotonic() - began > STOP_SECONDS:
                sys.exit(f"{STOP_SECONDS} s after Ctrl-C there still runs: {self.left() or ['the command itself']}")
            time.sleep(0.05)
        self._reader.join(timeout=STOP_SECONDS)
        return time.monotonic() - began

    def left(self) -> list[str]:
        """Processes that were started with this server's port; children keep it in their environment."""
        mark = f"\0PORT={self.port}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                is_zombie = b"\nState:\tZ" in (entry / "status").read_bytes()
                if not is_zombie and mark in b"\0" + (entry / "environ").read_bytes():
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.append(f"{entry.name} {words}")
            except OSError:
                continue  # it ended while we looked, or is somebody else's
        return found

    def kill(self) -> None:
        """End whatever is still there, for the way out after a failure."""
        for entry in self.left():
            try:
                os.kill(int(entry.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(timeout=STOP_SECONDS)


@contextmanager
def running(command: list[str], folder: Path, settings: Mapping[str, str]) -> Iterator[Demo]:
    """The server for the length of a block; nothing of it is left behind, however the block ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a cancelled run cleans up as well
    demo = Demo(command, folder, settings)
    try:
        yield demo
    finally:
        if demo.left() or demo.process.poll() is None:
            demo.kill()
