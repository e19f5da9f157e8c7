"""Build the archive of `manage.py support_bundle`: what a maintainer asks for, safe to attach to a public issue.

Each member is a text of its own and is built by itself, so that one that cannot be had takes nothing from the others.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error, connection
from django.db.models import Count, Max, Min, QuerySet

from accounts.models import Account, AccountCapability, WhitelistedUser
from bingproject.cluster.brokers import OUTAGES, own_broker
from bingproject.cluster.process_registry import live_processes
from bingproject.conf.log_file import log_files
from bingproject.models import Alert, Installation
from bingproject.security.anonymisation import Anonymiser
from bingproject.security.redaction import KnownSecrets
from chat.models import Conversation, Turn
from creator.models import State, Task

PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,-]*\])?==([\w.!+-]+)", re.MULTILINE)
PROBES = "probe-*.txt"
UNREAD_NAMES = "The names of accounts, callers and operators could not be read"
LEFT_OUT = (
    f"{UNREAD_NAMES}, so they could not be masked here, and this is left out. Run the command again when the database "
    "answers, or with --unmasked-names.\n"
)
UNMASKED = f"{UNREAD_NAMES}: look for them here before you share this.\n\n"
Members = dict[str, str]


def build_members(now: datetime, *, unmasked_names: bool = False) -> Members:
    """Return the members' texts by name; what cannot be read says so in its own text.

    Args:
        unmasked_names: Include log and probe also while the database is down, and with it the names to mask in them.
    """
    try:
        clean = make_anonymiser(stored_names()).clean
    except Error:
        partly = make_anonymiser([])

        def clean(text: str) -> str:
            return UNMASKED + partly.clean(text) if unmasked_names else LEFT_OUT

    return {
        "versions.json": _as_json(versions()),
        "settings.json": _as_json(describe_settings()),
        "states.json": _or_say(lambda: _as_json(states(now))),
        "probe.txt": clean(last_probe(settings.DATA_DIR)),
        **{name: clean(text) for name, text in logs(settings.LOG_FILE).items()},
    }


def write_archive(members: Members, path: Path) -> int:
    """Write a new ZIP file that only its owner can read, and return its size in bytes. Raises: OSError."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            return file.write(buffer.getvalue())
    except OSError:
        path.unlink(missing_ok=True)
        raise


# --- members ---


def versions() -> dict[str, Any]:
    """Return the versions of product, Python, system, database, and of each package pinned for production."""
    requirements = Path(settings.BASE_DIR) / "requirements-prod.txt"
    pinned = PINNED.findall(requirements.read_text(encoding="utf-8")) if requirements.is_file() else []
    return {
        "bingproject": settings.VERSION,
        "python": sys.version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "database": _or_say(_database_version),
        "packages": {name: {"pinned": wanted, "installed": _installed(name)} for name, wanted in pinned},
    }


def describe_settings() -> list[dict[str, str]]:
    """Return name, value and source of each setting; the reader of a setting decides whether its value is shown."""
    return [asdict(setting) for setting in settings.DESCRIBED_SETTINGS]


def states(now: datetime) -> dict[str, Any]:
    """Return counts by state, and what is alive, waits or is wrong: no names, texts or addresses.

    Raises:
        django.db.Error: The database cannot be read.
    """
    queued_since = Task.objects.filter(state=State.QUEUED).aggregate(since=Min("created_at"))["since"]
    resting = AccountCapability.objects.filter(cooldown_until__gt=now)
    checks = AccountCapability.objects.order_by("capability", "check_state").values("capability", "check_state")
    open_alerts = Alert.objects.filter(ended_at=None).order_by("began_at")
    return {
        "at": now,
        "belongs_to": [str(row) for row in Installation.objects.all()],
        "accounts": _count(Account.objects.filter(is_enabled=True), "kind", "state"),
        "accounts_disabled": _count(Account.objects.filter(is_enabled=False), "kind", "state"),
        "capabilities_resting": _count(resting, "capability"),
        "last_checks": list(checks.annotate(count=Count("pk"), newest_at=Max("checked_at"))),
        "tasks": _count(Task.objects.all(), "kind", "state"),
        "oldest_queued_task_at": queued_since,
        "conversations": _count(Conversation.objects.all(), "back_end", "origin"),
        "conversations_open_upstream": _count(Conversation.objects.exclude(opened_at=None), "back_end", "origin"),
        "turns": _count(Turn.objects.all(), "state"),
        "processes": [
            {"role": row.role, "started_at": row.started_at, "seen_at": row.seen_at, "has_problem": bool(row.problem)}
            for row in live_processes(now)
        ],
        "jobs_waiting": _count_jobs(),
        "alerts_open": list(open_alerts.values("cause", "began_at", "seen_at", "notification_count")),
    }


def last_probe(folder: Path) -> str:
    """Return what the newest `manage.py probe` has saved in the folder."""
    found = sorted(Path(folder).glob(PROBES))
    return _read(found[-1]) if found else "No probe has been saved: run manage.py probe.\n"


def logs(path: Path | None) -> Members:
    """Return the server's log and its rotated files by their names in the archive."""
    found = [] if path is None else log_files(path)
    if not found:
        why = "LOG_FILE is -" if path is None else "LOG_FILE names no file that exists"
        return {"logs/none.txt": f"No log is kept here: {why}.\n"}
    return {f"logs/{file.name}": _read(file) for file in found}


# --- what is taken out ---


def make_anonymiser(names: Iterable[str]) -> Anonymiser:
    """Return what takes this installation's secrets, these names, addresses and folders out of a text."""
    folders = {str(settings.DATA_DIR): "DATA_DIR", str(settings.BASE_DIR): "BASE_DIR", str(Path.home()): "~"}
    return Anonymiser(_configured_secrets(), [*_configured_names(), *names], folders)


def _configured_secrets() -> KnownSecrets:
    secrets = KnownSecrets()
    secrets.hide(settings.SECRET_KEY, *settings.SEAL_KEYS, settings.DATABASE_URL, settings.REDIS_URL)
    secrets.hide(settings.BING_COOKIE_U, settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET)
    secrets.hide(str(settings.DATABASES["default"].get("PASSWORD", "")))
    secrets.hide(*(word for command in settings.TOKEN_COMMANDS.values() for word in command[1:]))
    if settings.EMAIL_SERVER is not None:
        secrets.hide(settings.EMAIL_SERVER.password)
    return secrets


def _configured_names() -> Iterable[str]:
    database, mail = settings.DATABASES["default"], settings.EMAIL_SERVER
    names = [socket.gethostname(), settings.MACHINE_ID, settings.HOST, *settings.PUBLIC_HOSTS]
    names += [host.lstrip(".") for host in settings.ALLOWED_HOSTS]
    names += [str(database.get("HOST", "")), str(database.get("USER", "")), *settings.TOKEN_COMMANDS]
    return names if mail is None else [*names, mail.host, mail.user]


def stored_names() -> list[str]:
    """Return the names of accounts, callers and operators. Raises: django.db.Error."""
    columns = (
        Account.objects.values_list("name", flat=True),
        WhitelistedUser.objects.values_list("user_id", flat=True),
        get_user_model()._default_manager.values_list(get_user_model().USERNAME_FIELD, flat=True),
    )
    return [str(name) for column in columns for name in column]


# --- helpers ---


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=1, default=str, ensure_ascii=False) + "\n"


def _or_say(read: Callable[[], str]) -> str:
    """Return what is read, or a sentence with the kind of error only: its text may contain the database's address."""
    try:
        return read()
    except Error as error:
        return f"The database cannot be read ({type(error).__name__}).\n"


def _database_version() -> str:
    connection.ensure_connection()
    return f"{connection.vendor} {'.'.join(map(str, connection.get_database_version()))}"


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _count(rows: QuerySet[Any], *columns: str) -> dict[str, int]:
    """Return the number of rows by the values of the columns, `{"image queued": 3}`."""
    found = rows.order_by(*columns).values_list(*columns).annotate(count=Count("pk"))
    return {" ".join(map(str, values)): count for *values, count in found}


def _count_jobs() -> int | str:
    try:
        return int(own_broker().queue_size())
    except OUTAGES as error:
        return f"The job queue does not answer ({type(error).__name__})."


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror}).\n"
