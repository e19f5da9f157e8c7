"""The count afterwards: rows against the sandbox's submits against what callers were told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.campaign import LIMIT, UPSTREAM_TIMEOUT_SECONDS, Campaign
from tests.rig.rows import canonical, unix
from tests.rig.system import System

SUBMIT_CAP = 16
ROW_FIELDS = "id, prompt, state, request_id, error_code, submit_at, cancel_requested, runner, kind"


@dataclass
class Verdict:
    """Counts by name; those in `must_be_zero` break the run when they are not 0."""

    must_be_zero: dict[str, int] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether everything that must hold held."""
        return not any(self.must_be_zero.values())


def count(system: System, campaign: Campaign, calls: list[dict[str, Any]]) -> Verdict:
    """Count rows, submits and answers."""
    verdict = Verdict()
    rows = [_named(row) for row in system.rows.query(f"SELECT {ROW_FIELDS} FROM creator_task")]
    submits = system.ask_sandbox("submits")
    _count_submits(verdict, rows, submits)
    _count_rows(verdict, rows, submits)
    _count_unknown(verdict, rows, campaign)
    _count_leases(verdict, system, campaign)
    _count_limits(verdict, system)
    _count_answers(verdict, rows, calls)
    return verdict


def _named(row: tuple[Any, ...]) -> dict[str, Any]:
    named = dict(zip(ROW_FIELDS.split(", "), row, strict=True))
    named["id"] = canonical(named["id"])
    return named


def _note(verdict: Verdict, name: str, broken: list[Any]) -> None:
    verdict.must_be_zero[name] = len(broken)
    verdict.examples += [f"{name}: {one}" for one in broken[:5]]


def _count_submits(verdict: Verdict, rows: list[dict[str, Any]], submits: list[list[Any]]) -> None:
    twice = [prompt for prompt, number in Counter(submit[0] for submit in submits).items() if number > 1]
    _note(verdict, "submitted twice", twice)
    prompts = {row["prompt"] for row in rows}
    _note(verdict, "submits without a row", [submit[0] for submit in submits if submit[0] not in prompts])
    verdict.told["submits that the sandbox took"] = len(submits)


def _count_rows(verdict: Verdict, rows: list[dict[str, Any]], submits: list[list[Any]]) -> None:
    known = {submit[1] for submit in submits}
    final = ("completed", "failed", "cancelled", "expired")
    _note(verdict, "rows without a final state", [row for row in rows if row["state"] not in final])
    completed = [row for row in rows if row["state"] == "completed"]
    strange = [row for row in completed if row["request_id"] not in known]
    _note(verdict, "completed rows whose request id the sandbox does not know", strange)
    lost = [
        row for row in rows if row["request_id"] and row["state"] != "completed"
        and not (row["state"] == "cancelled" and row["cancel_requested"])
    ]  # fmt: skip
    _note(verdict, "generations known by a stored id and neither completed nor cancelled by a caller", lost)
    verdict.told["rows"] = len(rows)
    states = Counter(f"{row['state']} {row['error_code']}".strip() for row in rows)
    verdict.told["states"] = dict(states.most_common())


def _count_unknown(verdict: Verdict, rows: list[dict[str, Any]], campaign: Campaign) -> None:
    """Each `submit_outcome_unknown` belongs to the nearest strike around its POST."""
    per_round: Counter[int] = Counter()
    stray = []
    for row in rows:
        if row["error_code"] != "submit_outcome_unknown":
            continue
        sent_at = unix(row["submit_at"])
        near = [
            round_
            for round_ in campaign.rounds
            if -UPSTREAM_TIMEOUT_SECONDS - 1 <= sent_at - round_.struck_at <= round_.released_at - round_.struck_at + 1
        ]
        if near:
            nearest = min(near, key=lambda round_: abs(round_.struck_at - sent_at))
            per_round[nearest.number] += 1
        else:
            stray.append(row)
    names = {round_.number: round_.strike for round_ in campaign.rounds}
    _note(verdict, "submit_outcome_unknown without a strike during the POST", stray)
    # A stopped upstream lets every POST of its silence time out, sixteen at a time: that is no kill.
    over = [(names[number], n) for number, n in per_round.items() if n > SUBMIT_CAP and not _is_silence(names[number])]
    _note(verdict, f"kills with more than {SUBMIT_CAP} submit_outcome_unknown", over)
    verdict.told["submit_outcome_unknown"] = sum(per_round.values()) + len(stray)
    kills = [n for number, n in per_round.items() if not _is_silence(names[number])]
    verdict.told["submit_outcome_unknown, most of one kill"] = max(kills, default=0)
    by_strike: Counter[str] = Counter()
    for number, amount in per_round.items():
        by_strike[names[number]] += amount
    verdict.told["submit_outcome_unknown by strike"] = dict(by_strike.most_common())


def _is_silence(strike: str) -> bool:
    return strike.startswith("stop") and strike.endswith("sandbox")


def _count_leases(verdict: Verdict, system: System, campaign: Campaign) -> None:
    machines = 2 if system.plan.is_apart else 1
    verdict.must_be_zero["leases besides those of live runners"] = abs(campaign.runners_before_stop - machines)
    verdict.must_be_zero["leases left after a clean stop"] = len(system.rows.runners())
    held = "SELECT COUNT(*) FROM creator_task WHERE runner IS NOT NULL"
    verdict.must_be_zero["ended rows that name a runner"] = int(system.rows.query(held)[0][0])
    verdict.must_be_zero["account leases left"] = int(system.rows.query("SELECT COUNT(*) FROM accounts_lease")[0][0])
    _note(verdict, "processes left after a clean stop", campaign.processes_left)
    _note(verdict, "rounds not recovered", [one.strike for one in campaign.rounds if not one.is_recovered])


def _count_limits(verdict: Verdict, system: System) -> None:
    state = system.ask_sandbox("state")
    peaks = {name: max(account["max_running"].values()) for name, account in state["accounts"].items()}
    _note(verdict, "accounts over their limit", [(name, peak) for name, peak in peaks.items() if peak > LIMIT])
    _note(verdict, "violations at the sandbox", state["violations"])
    verdict.told["most running on one account"] = max(peaks.values(), default=0)


def _count_answers(verdict: Verdict, rows: list[dict[str, Any]], calls: list[dict[str, Any]]) -> None:
    by_id = {row["id"]: row for row in rows}
    told = [call for call in calls if call.get("status") in (200, 202) and call.get("task")]
    _note(verdict, "tasks promised to a caller and not in the table", [c for c in told if c["task"] not in by_id])
    pictures = [call for call in told if call["status"] == 200 and call["kind"] == "image" and not call["is_async"]]
    wrong = [call for call in pictures if call["task"] in by_id and by_id[call["task"]]["state"] != "completed"]
    _note(verdict, "pictures given to a caller by a row that is not completed", wrong)
    answers = Counter(
        str(call.get("status") or call.get("error")) + (f" {call['code']}" if call.get("code") else "")
        for call in calls
    )
    verdict.told["callers"] = len(calls)
    verdict.told["answers"] = dict(answers.most_common())
