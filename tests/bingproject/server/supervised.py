"""`python -m tests.bingproject.server.supervised <folder> <list>`: services that only write what happens."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from bingproject.conf.environment import SettingError
from bingproject.server.supervisor import Service, Supervisor

FOLDER = Path(sys.argv[1])


def note(line: str) -> None:
    """Append one line."""
    with (FOLDER / "journal").open("a", encoding="utf-8") as journal:
        journal.write(f"{line} {os.getpid()}\n")


def stay(name: str, leave_seconds: float) -> int:
    """Run until SIGTERM, then take a while to leave."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    note(f"{name} begins")
    while not stopped:
        time.sleep(0.02)
    note(f"{name} is asked")
    time.sleep(leave_seconds)
    note(f"{name} ends")
    return 0


def leave(name: str, code: int) -> int:
    """End at once."""
    note(f"{name} begins")
    return code


def refuse() -> int:
    """End with a setting that cannot be used."""
    note("refusing begins")
    raise SettingError("NAME must be a thing, e.g. NAME=thing.")


SERVICES = {
    "plain": [Service("one", partial(stay, "one", 0)), Service("two", partial(stay, "two", 0))],
    "layered": [
        Service("ground", partial(stay, "ground", 0), is_foundation=True),
        Service("upper", partial(stay, "upper", 0.5)),
    ],
    "stubborn": [Service("stubborn", partial(stay, "stubborn", 600))],
    "once": [Service("one", partial(stay, "one", 0)), Service("hello", partial(leave, "hello", 0), is_once=True)],
    "failing": [Service("failing", partial(leave, "failing", 7)), Service("refusing", refuse)],
}

if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    Supervisor(SERVICES[sys.argv[2]]).run()
    note("supervisor ends")
