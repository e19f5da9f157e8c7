"""What is needed before anything can serve, each step done only when it is due: a second start is quick."""

from __future__ import annotations

import hashlib
import secrets
import socket
from importlib.metadata import version
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import Error, IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor

from bingproject.environment import SettingError

OPERATOR = "admin"
BACKLOG = 2048
_STAMP = ".collected"


def take_port(host: str, port: int) -> socket.socket:
    """Listen on a port; the socket outlives every restart of the web process, so that no caller is turned away.

    Raises: SettingError when the port or the host cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise SettingError(f"HOST must be an address of this machine, not {host}, e.g. HOST=127.0.0.1.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingError(
            f"PORT {port} on {host} cannot be used ({error.strerror}): stop what listens there, "
            f"or choose another, e.g. PORT={port + 10 if port < 65000 else 7870}."
        ) from error
    return listener


def migrate(*, always: bool = False) -> bool:
    """Bring the tables up to date; whether there was anything to do.

    `always`: also what follows migrations, the groups and the cache's table, when there is none to be made.
    Raises: SettingError when the database does not answer.
    """
    try:
        executor = MigrationExecutor(connection)
        is_due = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error as error:
        raise SettingError(f"The database does not answer ({type(error).__name__}): see DATABASE_URL.") from error
    if is_due or always:
        call_command("migrate", interactive=False, verbosity=0)
    return is_due


def collect_static_files() -> bool:
    """Gather the pages' styles and scripts when they changed since last time; whether they had."""
    root = Path(settings.STATIC_ROOT)
    stamp, wanted = root / _STAMP, _fingerprint()
    if (root / "staticfiles.json").exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return False
    try:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(wanted, encoding="ascii")
    except OSError as error:
        raise SettingError(
            f"STATIC_ROOT must be a folder we may write to, not {root}, e.g. STATIC_ROOT=data/static."
        ) from error
    return True


def _fingerprint() -> str:
    """Changes with every release of a package that brings static files, and with every file of our own."""
    digest = hashlib.sha256(settings.VERSION.encode())
    for name in ("django", "django-unfold", "djangorestframework", "drf-spectacular-sidecar", "whitenoise"):
        digest.update(f"{name} {version(name)}\n".encode())
    for config in apps.get_app_configs():
        folder = Path(config.path) / "static"
        if settings.BASE_DIR in folder.parents and ".venv" not in folder.parts and folder.is_dir():
            for path in sorted(folder.rglob("*")):
                digest.update(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def ensure_operator() -> str:
    """Make the first operator where there is none; the random password, once, or empty when nothing is to be shown.

    Raises: SettingError when ADMIN_PASSWORD_FILE cannot be read or is empty.
    """
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return ""
    password, is_random = _operator_password()
    try:
        users.create_superuser(OPERATOR, "", password)
    except IntegrityError:  # another machine was first
        return ""
    return password if is_random else ""


def _operator_password() -> tuple[str, bool]:
    path = settings.ADMIN_PASSWORD_FILE
    if not path:
        return secrets.token_urlsafe(12), True
    try:
        password = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        password = ""
    if not password:
        raise SettingError("ADMIN_PASSWORD_FILE must name a file with a password, e.g. /run/secrets/admin_password.")
    return password, False
