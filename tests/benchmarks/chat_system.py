"""What the chat benchmarks measure: web servers, the bare relay and the sandbox, each in a process of its own."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.back_ends import BackEnd
from tests.benchmarks.chat_callers import Target
from tests.rig.parts import Part
from tests.rig.processes import exact_cpu_seconds, pss_bytes
from tests.rig.servers import free_port, is_listening, wait_for
from tests.rig.system import Plan, System

GAP_SECONDS = 0.02
# Where the sandbox shows the chats with accounts of a kind.
SANDBOX_NAMES = {"bing": "chat", "copilot": "copilot", "m365": "m365"}


def chat_plan(database: str, back_end: BackEnd, *, accounts: int = 0, gap: float = GAP_SECONDS) -> Plan:
    """A system for streams; with keys, since looking one up is part of the cost."""
    sandbox = ("--chat-gap", f"{gap:g}", "--chat-open-seconds", "60")
    # One caller asks for all the streams at once.
    settings = (("ACCESS", "keys"), ("LOG_LEVEL", "ERROR"), ("CHAT_TURNS_PER_USER", "0"))
    count = accounts or back_end.accounts
    return Plan(
        database, sandbox=sandbox, accounts=count, account_kind=back_end.kind, account_limit=back_end.limit,
        settings=settings,
    )  # fmt: skip


class ChatSystem(System):
    """Web servers alone: no chat needs a cluster. With `has_bare` there is the reference too."""

    def __init__(self, plan: Plan, *, servers: int = 1, has_bare: bool = True) -> None:
        self._server_count, self._has_bare = servers, has_bare
        super().__init__(plan)

    def _environment(self) -> dict[str, str]:
        sockets_url = self.sandbox_url.replace("http", "ws", 1)
        return super()._environment() | {
            "SYDNEY_URL": f"{sockets_url}/sydney/ChatHub",
            "COPILOT_URL": self.sandbox_url,
            "M365_URL": f"{sockets_url}/m365Copilot/Chathub",
        }

    def _parts(self) -> list[Part]:
        self._ports = {f"server-{number}": free_port() for number in range(self._server_count)}
        ours = ("--http", "bingproject.edge.http_protocol:GuardedHttpProtocol", "--lifespan", "on")
        parts = [self._web(name, "bingproject.asgi", port, *ours) for name, port in self._ports.items()]
        self.bare_port = free_port()
        bare = self._web("bare", "tests.benchmarks.bare_relay", self.bare_port, "--lifespan", "off")
        return [*parts, *([bare] * self._has_bare)]

    def _web(self, name: str, module: str, port: int, *options: str) -> Part:
        command = [
            "-m", "uvicorn", f"{module}:application", "--port", str(port), "--no-proxy-headers", *options,
            "--no-access-log", "--ws", "none", "--log-level", "error", "--timeout-graceful-shutdown", "2",
        ]  # fmt: skip
        return self._part(name, command)

    def start(self) -> float:
        """Start all parts; seconds until they listen."""
        for part in self.parts:
            part.start()
        ports = [*self._ports.values(), *([self.bare_port] * self._has_bare)]
        return wait_for(lambda: all(map(is_listening, ports)), "the servers to listen")

    @property
    def targets(self) -> list[Target]:
        """The servers of ours."""
        return [Target(name, port, self.keys[0]) for name, port in self._ports.items()]

    @property
    def bare(self) -> Target:
        """The reference."""
        return Target("bare", self.bare_port)

    def ask_chat(self) -> Any:
        """What the sandbox counted of the chats with this run's back end."""
        return self.ask_sandbox("state")[SANDBOX_NAMES[self.plan.account_kind]]

    def cpu_of(self, target: Target) -> float:
        """CPU seconds of a target's process."""
        return exact_cpu_seconds(self._pids(target))

    def memory_of(self, target: Target) -> int:
        """Bytes of a target's process."""
        return pss_bytes(self._pids(target))

    def _pids(self, target: Target) -> list[int]:
        return [process.pid for part in self.parts if part.name == target.name for process in part.processes()]
