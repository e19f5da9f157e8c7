"""Jobs that a test's cluster runs: each writes what it does to the journal in the test's folder, a line at a time.

Files in that folder are the work: `wanted` asks for a holder, every file in `orders` is one order ("echo x", "stay 3").
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from bingproject.cluster.processes import is_known_dead, process_identity
from bingproject.cluster.stop_flag import is_stopping

HOST = "test"
FOLDER = Path(os.environ.get("CLUSTER_FOLDER", "."))


def note(line: str) -> None:
    """Append one line; short appends of several processes do not mix."""
    with (FOLDER / "journal").open("a", encoding="utf-8") as journal:
        journal.write(f"{line} {os.getpid()}\n")


def _caller_line() -> Path:
    return FOLDER / f"holder-{os.environ['MACHINE_ID']}"


def needs_caller_id() -> bool:
    """The question: is a holder wanted, and does none live?"""
    if not (FOLDER / "wanted").exists():
        return False
    return not _caller_line().exists() or is_known_dead(_caller_line().read_text(), HOST)


def hold() -> str:
    """A job as long as a runner's slice that hands over when its cluster stops."""
    if not needs_caller_id():
        return "somebody holds"
    _caller_line().write_text(process_identity(HOST))
    note("hold")
    while not is_stopping():
        time.sleep(0.05)
    _caller_line().unlink()
    note("hand-over")
    return "handed over"


def has_order() -> bool:
    """The question: is there an order nobody has taken?"""
    return any((FOLDER / "orders").iterdir())


def serve_order() -> str:
    """Take one order and do what it says."""
    order = next((FOLDER / "orders").iterdir(), None)
    if order is None:
        return "nothing ordered"
    word, _, argument = order.read_text().partition(" ")
    order.unlink()
    note(f"{word} {argument} begun")
    time.sleep(float(argument) if word == "stay" else 0)
    note(f"{word} {argument} done")
    return argument


def repeat() -> str:
    """Periodic work."""
    note("repeat")
    return "repeated"
