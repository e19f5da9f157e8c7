"""System checks bingproject.E001…: settings that contradict each other. Never the network, never the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

LEAST_WORKERS = 3  # the runner, the canary, one short job
QUEUE_RULES = {"ack_failures": True, "max_attempts": 1, "save_limit": -1, "scheduler": False, "catch_up": False}
TAG = "bingproject"


def check_queue(**_options: Any) -> list[CheckMessage]:
    """Check that the queue's figures fit each other and the runner."""
    return list(_queue_faults(settings.Q_CLUSTER))


def _queue_faults(queue: dict[str, Any]) -> Iterator[CheckMessage]:
    timeout, retry = queue.get("timeout") or 0, queue.get("retry") or 0
    # The runner hands over by itself at the end of its slice, once its last request is answered.
    longest = settings.RUNNER_SLICE_SECONDS + settings.UPSTREAM_TIMEOUT_SECONDS
    if not longest < timeout < retry:
        yield Error(
            f"Q_CLUSTER needs {longest:g} (a slice and one request) < timeout < retry, not {timeout} and {retry}.",
            hint="A job that outlives `timeout` is killed, one that outlives `retry` runs twice.",
            id="bingproject.E001",
        )
    name, own = queue.get("name"), queue.get("cluster_name")
    if not own or own == name or settings.MACHINE_ID not in own:
        yield Error("Q_CLUSTER['cluster_name'] must name this machine: one queue per machine.", id="bingproject.E003")
    if (queue.get("workers") or 0) < LEAST_WORKERS or (queue.get("queue_limit") or 0) < queue.get("workers", 0):
        yield Error(
            f"Q_CLUSTER needs at least {LEAST_WORKERS} workers and queue_limit at least as many.", id="bingproject.E004"
        )
    wrong = [key for key, value in QUEUE_RULES.items() if queue.get(key) != value]
    if wrong:
        yield Error(f"Q_CLUSTER has a value the engine cannot work with: {', '.join(wrong)}.", id="bingproject.E005")
    if bool(queue.get("orm")) == bool(queue.get("redis")):
        yield Error("Q_CLUSTER needs one broker: orm or redis.", id="bingproject.E006")


def check_sqlite(**_options: Any) -> list[CheckMessage]:
    """Check that SQLite neither fails under several writers nor loses a commit in a power cut."""
    return sqlite_faults(settings.DATABASES)


def sqlite_faults(databases: Mapping[str, dict[str, Any]]) -> list[CheckMessage]:
    """Return the faults of the SQLite databases among these."""
    faults: list[CheckMessage] = []
    for alias, database in databases.items():
        if not database["ENGINE"].endswith("sqlite3"):
            continue
        options = database.get("OPTIONS", {})
        command = str(options.get("init_command", "")).replace(" ", "").lower()
        is_durable = "journal_mode=wal" in command and "synchronous=full" in command
        if options.get("transaction_mode") != "IMMEDIATE" or not is_durable:
            faults.append(
                Error(
                    f"The SQLite database {alias!r} needs transaction_mode IMMEDIATE, and WAL with synchronous FULL.",
                    hint="Anything less loses the mark that a request was sent, and sends it twice.",
                    id="bingproject.E002",
                )
            )
    return faults


def check_dotted_names(**_options: Any) -> list[CheckMessage]:
    """Check that every function that a setting names exists."""
    names = [
        *settings.CLUSTER_PERIODIC,
        *(name for pair in settings.CLUSTER_NUDGES for name in pair),
        *settings.CAPABILITY_CHECKS.values(),
        *settings.ACCOUNT_LOADS,
        *settings.ALERT_CAUSES,
        *settings.CLOCK_REPAIRS,
    ]
    faults: list[CheckMessage] = []
    for name in names:
        try:
            import_string(name)
        except ImportError:
            faults.append(Error(f"A setting names {name}, which does not exist.", id="bingproject.E007"))
    return faults


def check_sandbox(**_options: Any) -> list[CheckMessage]:
    """Check, with `--deploy`, that the server does not answer with the sandbox's pictures."""
    if not settings.SANDBOX:
        return []
    return [
        Error(
            "SANDBOX=1: this server shows invented pictures, not Bing's.", hint="Unset SANDBOX.", id="bingproject.E008"
        )
    ]


def register_checks() -> None:
    """Register the checks for `manage.py check` and for commands that run this tag."""
    for check in (check_queue, check_sqlite, check_dotted_names):
        register(check, TAG)
    register(check_sandbox, TAG, deploy=True)
