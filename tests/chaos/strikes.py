"""What may befall the system: which processes, killed, stopped for a while, or left hanging.

A strike names a victim and a method; the victim is looked up at the moment of the strike, by the names that our
processes give themselves.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from tests.rig.parts import Part
from tests.rig.processes import send
from tests.rig.servers import OwnServer
from tests.rig.system import System

KILL, STOP, HANG, HOLD = "kill -9", "stop a while", "hang", "keep down"
# A cluster's own processes; `runner` is the worker that carries the drive job, `worker` one of the others.
CLUSTER_PROCESSES = ("runner", "worker", "guard", "monitor", "pusher", "cluster")


@dataclass(frozen=True, slots=True)
class Strike:
    """One kind of misfortune."""

    victim: str
    method: str

    def __str__(self) -> str:
        return f"{self.method}: {self.victim}"


SERVE_STRIKES = (
    *(Strike(victim, KILL) for victim in (*CLUSTER_PROCESSES, "web", "supervisor", "everything", "sandbox")),
    *(Strike(victim, STOP) for victim in (*CLUSTER_PROCESSES, "web", "everything", "sandbox")),
    *(Strike(victim, HANG) for victim in ("runner", "guard", "monitor", "pusher")),
)
APART_STRIKES = (
    *(Strike(victim, KILL) for victim in (*CLUSTER_PROCESSES, "web", "machine", "everything", "sandbox")),
    *(Strike(victim, KILL) for victim in ("postgres", "postgres backend", "redis", "everything and servers")),
    *(Strike(victim, STOP) for victim in (*CLUSTER_PROCESSES, "web", "machine", "sandbox", "postgres", "redis")),
    *(Strike(victim, HANG) for victim in ("runner", "guard", "monitor", "pusher")),
    Strike("machine", HOLD),
)


def bag(strikes: tuple[Strike, ...], dice: random.Random) -> Iterator[Strike]:
    """Strikes without end: each kind once in random order, then again."""
    while True:
        yield from dice.sample(strikes, len(strikes))


class Arm:
    """Carries out strikes on one system."""

    def __init__(self, system: System, dice: random.Random) -> None:
        self._system = system
        self._dice = dice
        self._parts = {part.name: part for part in system.parts}
        self._servers = {server.name: server for server in system.servers}

    def choose_machine(self) -> str:
        """The machine to be hit: the letter of its MACHINE_ID, or "" where there is one only."""
        return self._dice.choice(["a", "b"]) if self._system.plan.is_apart else ""

    def cluster_part(self, machine: str) -> Part:
        """The part that holds the machine's cluster."""
        return self._parts[f"cluster-{machine}" if machine else "serve"]

    def victims(self, strike: Strike, machine: str) -> list[int]:
        """The ids of the processes that are hit; empty when there is none just now."""
        name = strike.victim
        if name in self._servers:
            return self._servers[name].pids
        if name == "postgres backend":
            return self._servers["postgres"].pids[-1:]
        if name == "everything and servers":
            servers = [pid for server in self._servers.values() for pid in server.pids]
            return servers + self._all_parts()
        if name == "everything":
            return self._all_parts()
        if name == "sandbox":
            return [process.pid for process in self._system.sandbox.processes()]
        if name == "web" and "web" in self._parts:
            return [process.pid for process in self._parts["web"].processes()]
        return self._of_machine(name, machine)

    def _all_parts(self) -> list[int]:
        return [process.pid for part in self._system.parts for process in part.processes()]

    def _of_machine(self, name: str, machine: str) -> list[int]:
        processes = self.cluster_part(machine).processes()
        if name == "machine":
            return [process.pid for process in processes]
        runners = self._system.rows.live_runner_pids(machine)
        if name == "runner":
            return runners[:1]
        wanted = {"supervisor": "bp-serve"}.get(name, f"bp-{name}")
        found = [process.pid for process in processes if process.name == wanted and process.pid not in runners]
        return [self._dice.choice(found)] if found else []

    def kill(self, strike: Strike, pids: list[int]) -> None:
        """kill -9; our own servers are started again as an init system would."""
        send(pids, signal.SIGKILL)
        for server in self._hit_servers(strike):
            server.kill()

    def _hit_servers(self, strike: Strike) -> list[OwnServer]:
        if strike.victim == "everything and servers":
            return list(self._servers.values())
        return [self._servers[strike.victim]] if strike.victim in self._servers else []

    def raise_servers(self, strike: Strike) -> None:
        """Start the servers of ours that were killed."""
        for server in self._hit_servers(strike):
            server.start()
