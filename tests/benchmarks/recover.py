"""How long until the machine works again: after kill -9 of anything, a cluster that hangs, a machine that is gone."""

from __future__ import annotations

from tests.benchmarks.figures import Figure
from tests.chaos.campaign import Campaign, Driver, plan_for
from tests.chaos.strikes import HANG, HOLD, KILL, Strike
from tests.rig.system import System

RUNS = 5
KILLED = ("runner", "worker", "guard", "monitor", "pusher", "cluster", "web", "supervisor", "everything")
HUNG = ("runner", "guard", "monitor", "pusher")
SERVE = (*(Strike(victim, KILL) for victim in KILLED), *(Strike(victim, HANG) for victim in HUNG))
GROUP = "recovery"


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Each strike so often; the worst of each kind in each pass is one value."""
    passes = 1 if is_quick else RUNS
    is_apart = database == "postgres"
    strikes = (Strike("machine", KILL), Strike("machine", HOLD), *SERVE[:6]) if is_apart else SERVE
    campaign = Campaign(database, 1)
    with System(plan_for(database)) as system:
        driver = Driver(system, campaign, lambda line: None)
        driver.run_strikes([strike for _ in range(passes) for strike in strikes], rate=4.0)
    figures = []
    for number in range(passes):
        part = campaign.rounds[number * len(strikes) : (number + 1) * len(strikes)]
        for method, name, goal in (
            (KILL, "kill -9 of anything on the machine, worst", 5.0),
            (HANG, "a process of the cluster hangs, worst", 20.0),
            (HOLD, "a machine dies: its tasks are another's", 15.0),
        ):
            times = [
                max(one.runner_seconds or 0.0, one.web_seconds or 0.0)
                for one in part if one.strike.startswith(method)
            ]  # fmt: skip
            if times:
                figures.append(Figure(GROUP, name, database, max(times), "s", goal))
    return figures
