"""Jobs that a test's cluster runs: each writes what it does to the file named by JOURNAL, one line at a time."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bingproject.processes import is_known_dead, process_identity
from bingproject.stopping import is_stopping

HOST = "test"


def note(line: str) -> None:
    """Append one line; short appends of several processes do not mix."""
    with Path(os.environ["JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(f"{line} {os.getpid()}\n")


def _holder() -> Path:
    return Path(os.environ["JOURNAL"]).with_name(f"holder-{os.environ['MACHINE_ID']}")


def needs_holder() -> bool:
    """The question: is a holder wanted, and does none live?"""
    if not Path(os.environ["JOURNAL"]).with_name("wanted").exists():
        return False
    return not _holder().exists() or is_known_dead(_holder().read_text(), HOST)


def hold() -> str:
    """A job as long as a runner's slice that hands over when its cluster stops."""
    if not needs_holder():
        return "somebody holds"
    _holder().write_text(process_identity(HOST))
    note("hold")
    while not is_stopping():
        time.sleep(0.05)
    _holder().unlink()
    note("hand-over")
    return "handed over"


def stay(seconds: float) -> str:
    """A job that does not look whether it should stop."""
    note("stay")
    time.sleep(seconds)
    note("stayed")
    return "stayed"


def echo(word: str) -> str:
    """A job that is done at once."""
    note(word)
    return word


def repeat() -> str:
    """Periodic work."""
    note("repeat")
    return "repeated"
