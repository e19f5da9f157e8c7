"""`python -m tests.chaos [--short] [--rounds N] [--database sqlite|postgres|both] [--seed N] [--output FOLDER]
[--write-docs]`.

Exits with 1 when anything that must hold did not.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Campaign, Driver, plan_for, read_calls
from tests.chaos.report import as_json, as_markdown
from tests.chaos.verdict import count
from tests.rig.documents import put_block
from tests.rig.parts import clean_up_when_ended
from tests.rig.servers import MissingServerError
from tests.rig.system import System

FULL_ROUNDS, SHORT_ROUNDS = 100, 5
RATE = 6.0


def _run(database: str, rounds: int, seed: int, output: Path, *, writes_docs: bool) -> bool:
    print(f"== {database}: {rounds} rounds, seed {seed}", flush=True)
    campaign = Campaign(database, seed)
    with System(plan_for(database)) as system:
        driver = Driver(system, campaign, lambda line: print(line, flush=True))
        try:
            driver.run(rounds, RATE)
            verdict = count(system, campaign, read_calls(driver.calls))
        except BaseException:
            print(system.log_tail(40), flush=True)
            raise
        if not verdict.is_good:
            print(system.log_tail(40), flush=True)
    command = f"python -m tests.chaos --database {database} --rounds {rounds} --seed {seed}"
    report = as_json(campaign, verdict, command)
    output.mkdir(parents=True, exist_ok=True)
    (output / f"chaos-{database}.json").write_text(json.dumps(report, indent=1) + "\n")
    text = as_markdown(report)
    print(text)
    if writes_docs:
        put_block("reliability.md", database, text)
    print("\n".join(verdict.examples), flush=True)
    return verdict.is_good


def main() -> int:
    """Run the campaigns."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_ROUNDS} rounds for each database")
    parser.add_argument("--rounds", type=int, help=f"rounds for each database ({FULL_ROUNDS})")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--seed", type=int, help="of victims and moments; random unless given")
    parser.add_argument("--output", type=Path, default=Path(tempfile.gettempdir()) / "bingproject-chaos")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/reliability.md")
    wanted = parser.parse_args()
    clean_up_when_ended()
    rounds = wanted.rounds or (SHORT_ROUNDS if wanted.short else FULL_ROUNDS)
    seed = wanted.seed if wanted.seed is not None else random.SystemRandom().randrange(10**6)
    databases = ("sqlite", "postgres") if wanted.database == "both" else (wanted.database,)
    outcomes = []
    for database in databases:
        try:
            outcomes.append(_run(database, rounds, seed, wanted.output, writes_docs=wanted.write_docs))
        except MissingServerError as error:
            print(f"== {database}: left out, {error}", flush=True)
    print(f"reports: {wanted.output}")
    return 0 if outcomes and all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
