"""`manage.py serve` as a real process for tests: its port and the sandbox's, what it printed, its processes by role."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from tests.bingproject.cluster.clusters import MANAGE, SECONDS, environment
from tests.rig.parts import Part
from tests.rig.processes import send
from tests.rig.servers import free_port, wait_for

WHOLE = {
    "bp-serve": 1, "bp-web": 1, "bp-sandbox": 1, "bp-cluster": 1,
    "bp-guard": 1, "bp-worker": 3, "bp-monitor": 1, "bp-pusher": 1,
}  # fmt: skip
START_SECONDS = 90.0  # a first start makes all tables and collects all files: half a minute where others are at work
GREETING = "Operator's pages"
opener = build_opener(ProxyHandler({}))


class ServeRun:
    """One `manage.py serve` in the sandbox, on a port and a folder of its own."""

    def __init__(self, folder: Path, static: Path, *arguments: str, **variables: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.port = free_port()
        settings = {
            "DJANGO_SETTINGS_MODULE": "bingproject.settings",
            "SANDBOX": "1",
            "PORT": str(self.port),
            "STATIC_ROOT": str(static),
        }
        self.settings = environment(folder, "serve", **settings | variables)
        self._part = Part("serve", [*MANAGE, "serve", *arguments], self.settings, self.log, str(folder))

    def __enter__(self) -> ServeRun:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill what is left of it."""
        self._part.kill()
        wait_for(lambda: self._part.exit_code is not None, "the exit code")

    def start(self) -> None:
        """Start and wait for the last line of the greeting."""
        before = self.text().count(GREETING)
        self.begin()
        wait_for(lambda: self.text().count(GREETING) > before or not self._part.pid, "a greeting", START_SECONDS)
        assert self.text().count(GREETING) > before, self.text()

    def begin(self) -> None:
        """Start without waiting for anything."""
        self._part.start()

    def text(self) -> str:
        """All it ever printed."""
        return self.log.read_text() if self.log.exists() else ""

    def pids(self, role: str = "") -> list[int]:
        """Living processes of a role."""
        return [process.pid for process in self._part.processes() if role in ("", process.name)]

    def is_whole(self) -> bool:
        """True if every process runs exactly once."""
        return Counter(process.name for process in self._part.processes()) == WHOLE

    def get(self, path: str) -> dict[str, object]:
        """A JSON answer of the server."""
        with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=SECONDS) as response:
            return dict(json.load(response))

    def stop(self, number: int) -> int | None:
        """Signal the supervisor; its exit code when nothing is left."""
        send([self._part.pid], number)
        return self.wait_end()

    def wait_end(self) -> int | None:
        """Wait until nothing is left; the supervisor's exit code."""
        wait_for(lambda: not self._part.pid and not self.pids(), "the end", SECONDS)
        return self._part.exit_code
