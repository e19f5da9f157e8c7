"""One campaign: a load, strike after strike with the time each recovery took, then quiet until every row has ended."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.strikes import APART_STRIKES, HANG, HOLD, KILL, SERVE_STRIKES, STOP, Arm, Strike, bag
from tests.rig.parts import ROOT, inherited_environment
from tests.rig.processes import is_alive, send
from tests.rig.system import Plan, System

UPSTREAM_TIMEOUT_SECONDS = 5.0
ACCOUNTS, LIMIT = 60, 3
STEADY_SECONDS = 2.5  # so long everything has to be well before a round is over
ROUND_SECONDS = 45.0  # after that a round counts as not recovered
SETTLE_SECONDS = 150.0
OPEN_STATES = ("queued", "submitting", "uncertain", "polling")
Say = Callable[[str], None]


@dataclass
class Round:
    """What one strike did. Units: Unix seconds, and seconds from the strike on."""

    number: int
    strike: str
    machine: str
    struck_at: float
    submitting: int
    released_at: float = 0.0
    runner_seconds: float | None = None  # until the last moment without a live runner on the machine that was hit
    web_seconds: float | None = None
    over_at: float = 0.0
    is_recovered: bool = True


@dataclass
class Campaign:
    """Everything that is counted afterwards."""

    database: str
    seed: int
    rounds: list[Round] = field(default_factory=list)
    stop_seconds: float = 0.0
    start_seconds: float = 0.0
    settle_seconds: float = 0.0
    runners_before_stop: int = 0
    processes_left: list[str] = field(default_factory=list)


class Driver:
    """Runs one campaign on one system."""

    def __init__(self, system: System, campaign: Campaign, say: Say) -> None:
        self.system, self.campaign, self._say = system, campaign, say
        self._dice = random.Random(campaign.seed)
        self._arm = Arm(system, self._dice)
        self.calls = system.folder / "calls.jsonl"
        self._web = httpx.Client(base_url=system.url, timeout=1.0, trust_env=False)

    def run(self, rounds: int, rate: float) -> None:
        """Strike so often under load, then let everything end, then stop cleanly."""
        system = self.system
        self.campaign.start_seconds = system.start()
        client = self._start_client(rate)
        strikes = bag(APART_STRIKES if system.plan.is_apart else SERVE_STRIKES, self._dice)
        time.sleep(3)
        for number in range(1, rounds + 1):
            self._round(number, next(strikes))
        self.campaign.stop_seconds = system.stop()  # a clean stop in the middle of the load
        for part in system.parts:
            part.start()
        self._settle(client)
        self.campaign.runners_before_stop = len(system.rows.runners())
        system.stop()
        self.campaign.processes_left = [process.name for part in system.parts for process in part.processes()]

    def run_strikes(self, strikes: Sequence[Strike], rate: float) -> None:
        """Only these strikes, in this order, for their times; nothing is counted afterwards."""
        self.system.start()
        client = self._start_client(rate)
        time.sleep(3)
        try:
            for number, strike in enumerate(strikes, 1):
                self._round(number, strike)
        finally:
            client.kill()
            client.wait()

    def _start_client(self, rate: float) -> subprocess.Popen[bytes]:
        keys = self.system.folder / "keys.json"
        keys.write_text(json.dumps(self.system.keys))
        command = [
            sys.executable, "-m", "tests.rig.client", "--url", self.system.url, "--journal", str(self.calls),
            "--keys", str(keys), "--prefix", "chaos", "--seed", str(self.campaign.seed), "--rate", str(rate),
            "--async-share", "0.4", "--video-share", "0.1", "--cancel-share", "0.1", "--leave-share", "0.1",
        ]  # fmt: skip
        return subprocess.Popen(command, cwd=ROOT, env=inherited_environment())

    # --- one round ---

    def _round(self, number: int, strike: Strike) -> None:
        time.sleep(self._dice.uniform(0.3, 2.0))
        machine = self._arm.choose_machine()
        pids = self._arm.victims(strike, machine)
        if not pids:
            self._say(f"{number:3} {strike}: nobody there just now")
            return
        found = self.system.rows.try_query("SELECT COUNT(*) FROM creator_task WHERE state = 'submitting'")
        round_ = Round(number, str(strike), machine, time.time(), found[0][0] if found else -1)
        self.campaign.rounds.append(round_)
        self._strike(strike, machine, pids, round_)
        if strike.method == HANG:
            # A runner that hangs is replaced by another worker; anything else only with its whole cluster.
            self._watch(round_, [] if strike.victim == "runner" else pids)
            send(pids, signal.SIGCONT)
        elif strike.method != HOLD:
            self._watch(round_, [])
        round_.over_at = time.time()
        if not round_.is_recovered:
            self._say(f"    NOT RECOVERED\n{self.system.log_tail()}")
        runner = "-" if round_.runner_seconds is None else f"{round_.runner_seconds:.1f} s"
        self._say(f"{number:3} {strike} {machine}: {round_.submitting} submitting, runner again after {runner}")

    def _strike(self, strike: Strike, machine: str, pids: list[int], round_: Round) -> None:
        if strike.method == KILL:
            self._arm.kill(strike, pids)
            if strike.victim in ("postgres", "redis", "everything and servers"):
                time.sleep(self._dice.uniform(0.0, 3.0))
            self._arm.raise_servers(strike)
        elif strike.method == HOLD:
            self._keep_down(machine, round_)
        else:
            send(pids, signal.SIGSTOP)
        if strike.method == STOP:
            time.sleep(self._dice.uniform(0.5, 12.0))
            send(pids, signal.SIGCONT)
        round_.released_at = time.time()

    def _keep_down(self, machine: str, round_: Round) -> None:
        """A machine dies for good: how long until the other one has taken over all that it carried."""
        part = self._arm.cluster_part(machine)
        part.kill()
        sql = "SELECT COUNT(*) FROM creator_task WHERE state <> 'queued' AND runner LIKE %s"
        deadline = time.monotonic() + ROUND_SECONDS
        while (found := self.system.rows.try_query(sql, [f"{machine}/%"])) is None or found[0][0]:
            if time.monotonic() > deadline:
                round_.is_recovered = False
                break
            time.sleep(0.05)
        round_.runner_seconds = time.time() - round_.struck_at
        part.start()
        deadline = time.monotonic() + ROUND_SECONDS
        while not self.system.rows.has_live_runner(machine) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _watch(self, round_: Round, hung: list[int]) -> None:
        """Look until runner and web have been well for a while; note when each was last seen ailing.

        As long as a process that hangs is there, nothing is well.
        """
        deadline = time.monotonic() + ROUND_SECONDS
        since = time.time()
        while True:
            now = time.time()
            if any(map(is_alive, hung)) or not self.system.rows.has_live_runner(round_.machine):
                round_.runner_seconds, since = now - round_.struck_at, now
            if not self._web_answers():
                round_.web_seconds, since = time.time() - round_.struck_at, now
            claimed_at = self.system.rows.newest_claim(round_.machine)
            if now - since > STEADY_SECONDS and claimed_at > round_.struck_at:
                return
            if time.monotonic() > deadline:
                round_.is_recovered = False
                return
            time.sleep(0.05)

    def _web_answers(self) -> bool:
        try:
            return self._web.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    # --- quiet ---

    def _settle(self, client: subprocess.Popen[bytes]) -> None:
        """No new calls; wait until every row has a final state, or it is clear that some never will."""
        began = time.monotonic()
        client.send_signal(signal.SIGTERM)
        while time.monotonic() - began < SETTLE_SECONDS:
            marks = ", ".join(["%s"] * len(OPEN_STATES))
            rows = self.system.rows.try_query(
                f"SELECT COUNT(*) FROM creator_task WHERE state IN ({marks})", OPEN_STATES
            )
            if rows is not None and not rows[0][0] and client.poll() is not None:
                break
            time.sleep(0.25)
        self.campaign.settle_seconds = time.monotonic() - began
        client.kill()
        client.wait()


def plan_for(database: str) -> Plan:
    """SQLite: one `manage.py serve`. PostgreSQL and Redis: web and two machines apart."""
    return Plan(
        database,
        is_apart=database == "postgres",
        upstream_timeout_seconds=UPSTREAM_TIMEOUT_SECONDS,
        sandbox=("--image-seconds", "2-8", "--video-seconds", "4-6", "--submit-seconds", "0.05-0.4"),
        accounts=ACCOUNTS,
        account_limit=LIMIT,
        keys=6,
    )


def read_calls(path: Path) -> list[dict[str, Any]]:
    """The callers' journal."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
