"""The system under test as an operator runs it: on SQLite alone, or on PostgreSQL and Redis with its parts apart."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography.fernet import Fernet

from tests.rig.parts import ROOT, Keeper, Part, inherited_environment
from tests.rig.processes import end_all
from tests.rig.rows import Rows
from tests.rig.servers import OwnPostgres, OwnRedis, OwnServer, free_port, is_listening, wait_for

MACHINES = ("a", "b")
# The models need Django to be set up before they are imported.
SEED = "import django; django.setup(set_prefix=False); from tests.rig.seed import main; main()"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build. `is_apart`: web and two clusters as separate commands, else one `manage.py serve`.

    Shape: `root` and `python` are the code that runs and its packages, these here by default.
    """

    database: str
    is_apart: bool = False
    upstream_timeout_seconds: float = 30.0
    sandbox: tuple[str, ...] = ()
    accounts: int = 40
    account_kind: str = "bing"
    account_limit: int = 3
    keys: int = 1
    settings: tuple[tuple[str, str], ...] = ()
    root: Path = ROOT
    python: str = sys.executable


class System:
    """Everything of one run in one folder, gone after it; `with System(plan) as system:`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.run = secrets.token_hex(6)
        self._folder = tempfile.TemporaryDirectory(prefix="bingproject-rig-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.servers: list[OwnServer] = []
        self.keys: list[str] = []
        self.environment = self._environment()
        self.parts = self._parts()
        self.sandbox = self._sandbox()
        self.rows = Rows(self.environment.get("DATABASE_URL", ""), self.folder / "data" / "db.sqlite3")

    # --- building ---

    def _environment(self) -> dict[str, str]:
        settings = inherited_environment() | {
            "DATA_DIR": str(self.folder / "data"),
            "STATIC_ROOT": str(self.folder / "static"),
            "PORT": str(self.port),
            "BING_URL": self.sandbox_url,
            "BING_MEDIA_URL": self.sandbox_url,
            "UPSTREAM_TIMEOUT_SECONDS": f"{self.plan.upstream_timeout_seconds:g}",
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }
        if self.plan.database == "postgres":
            postgres, redis = OwnPostgres(self.folder), OwnRedis(self.folder)
            self.servers = [postgres, redis]
            postgres.start()
            redis.start()
            settings |= {
                "DATABASE_URL": postgres.create_database(),
                "REDIS_URL": redis.url,
                "SECRET_KEY": secrets.token_urlsafe(50),
                "SEAL_KEYS": Fernet.generate_key().decode(),
            }
        return settings | dict(self.plan.settings)

    def _part(self, name: str, command: list[str], **extra: str) -> Part:
        log = self.folder / f"{name}.log"
        return Part(name, [self.plan.python, *command], self.environment | extra, log, self.run, self.plan.root)

    def _parts(self) -> list[Part]:
        if not self.plan.is_apart:
            return [self._part("serve", ["manage.py", "serve"])]
        web = [
            "-m", "uvicorn", "bingproject.asgi:application", "--port", str(self.port), "--no-proxy-headers",
            "--http", "bingproject.edge.http_protocol:GuardedHttpProtocol", "--lifespan", "on", "--no-access-log",
            "--ws", "none", "--log-level", "warning", "--timeout-graceful-shutdown", "2",
        ]  # fmt: skip
        clusters = [self._part(f"cluster-{name}", ["manage.py", "cluster"], MACHINE_ID=name) for name in MACHINES]
        return [self._part("web", web), *clusters]

    def _sandbox(self) -> Part:
        journal = str(self.folder / "sandbox.jsonl")
        command = ["-m", "bingproject.sandbox", "--port", str(self.sandbox_port), "--journal", journal]
        return self._part("sandbox", [*command, *self.plan.sandbox])

    def manage(self, *arguments: str, **extra: str) -> None:
        """Run a command of manage.py, with settings beside the system's own."""
        command = [self.plan.python, "manage.py", *arguments]
        subprocess.run(command, env=self.environment | extra, cwd=self.plan.root, check=True)

    def seed(self, *arguments: str) -> Any:
        """Run tests.rig.seed against the system's database; what it printed, decoded."""
        command = [self.plan.python, "-c", SEED, *arguments]
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "bingproject.settings"}
        done = subprocess.run(command, env=environment, cwd=self.plan.root, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    # --- running ---

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def _begin(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        plan = self.plan
        kind, limit = f"--kind={plan.account_kind}", f"--limit={plan.account_limit}"
        self.keys = self.seed(f"--accounts={plan.accounts}", kind, limit, f"--keys={plan.keys}")
        self.sandbox.start()
        wait_for(lambda: is_listening(self.sandbox_port), "the sandbox to listen")
        self.keeper = Keeper([*self.parts, self.sandbox])
        self.keeper.start()

    def start(self) -> float:
        """Start all parts; seconds until the web server listens."""
        for part in self.parts:
            part.start()
        seconds = wait_for(lambda: is_listening(self.port), "the server to listen", step=0.005)
        wait_for(self.rows.has_live_runner, "a runner")
        return seconds

    def stop(self) -> float:
        """Stop all parts cleanly; seconds until the last process had gone."""
        return max(part.stop() for part in self.parts)

    def ask_sandbox(self, what: str) -> Any:
        """What the sandbox counted: `state`, `submits`, …"""
        return httpx.get(f"{self.sandbox_url}/_sandbox/{what}", timeout=60, trust_env=False).json()

    def tell_sandbox(self, what: str, body: dict[str, Any]) -> Any:
        """Steer the sandbox."""
        return httpx.post(f"{self.sandbox_url}/_sandbox/{what}", json=body, timeout=60, trust_env=False).json()

    def log_tail(self, lines: int = 15) -> str:
        """The end of every part's log, for a failure's report."""
        texts = []
        for path in sorted(self.folder.glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            texts += [f"--- {path.name}", *tail]
        return "\n".join(texts)

    def close(self) -> None:
        """End every process and drop the folder."""
        if hasattr(self, "keeper"):
            self.keeper.leave()
        end_all(f"{self.run}/")
        self.rows.close()
        for server in self.servers:
            server.stop()
        self._folder.cleanup()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
