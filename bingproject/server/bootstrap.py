"""Prepare a start: port, tables, static files, first operator. Each step runs only if it is due."""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import Error, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from bingproject.conf import ports
from bingproject.conf.data_dir import explain_no_answer
from bingproject.conf.environment import SettingError

OPERATOR = "admin"
_STAMP = ".collected"


def take_port(host: str, port: int, *, for_sandbox: bool = False) -> socket.socket:
    """Listen on a port. The socket outlives restarts of the web process, so that no caller is refused meanwhile.

    Raises:
        SettingError: The port is in use, or the host is not an address of this machine.
    """
    try:
        return ports.take_port(host, port, for_sandbox=for_sandbox)
    except ports.PortError as error:
        raise SettingError(str(error)) from error


def require_sandbox() -> None:
    """Raise SettingError if the sandbox or Pillow, which draws its pictures, is not installed, as in the image."""
    if any(find_spec(name) is None for name in ("bingproject.sandbox", "PIL")):
        raise SettingError(
            "SANDBOX=1 needs the sandbox, which production leaves out: use a checkout and make demo, "
            "or add requirements-demo.txt."
        )


def migrate(*, always: bool = False) -> bool:
    """Migrate the database.

    Args:
        always: True to run what follows migrations (groups, the cache's table) even if there is none to apply.

    Returns:
        True if there was a migration to apply.

    Raises:
        SettingError: The database does not answer, or another version created it.
    """
    try:
        executor = MigrationExecutor(connection)
        is_due = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error as error:
        line = explain_no_answer(error, settings.DATA_DIR, is_given=bool(settings.DATABASE_URL))
        raise SettingError(line) from error
    if is_due or always:
        call_command("migrate", interactive=False, verbosity=0)
    return is_due


def collect_static_files() -> bool:
    """Collect styles and scripts if they changed since the last time; return True if they had."""
    root = Path(settings.STATIC_ROOT)
    stamp, wanted = root / _STAMP, _fingerprint()
    if (root / "staticfiles.json").exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return False
    try:
        # Without a stamp, an interrupted collection may have left half a file that looks new: collect all of them.
        is_whole = stamp.exists()
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0, clear=not is_whole)
        stamp.write_text(wanted, encoding="ascii")
    except OSError as error:
        raise SettingError(
            f"STATIC_ROOT must be a folder we may write to, not {root}, e.g. STATIC_ROOT=data/static."
        ) from error
    return True


def _fingerprint() -> str:
    """Return a hash that changes with the packages that have static files, and with the project's own files."""
    digest = hashlib.sha256(settings.VERSION.encode())
    for name in ("django", "django-unfold", "djangorestframework", "drf-spectacular-sidecar", "whitenoise"):
        digest.update(f"{name} {version(name)}\n".encode())
    for config in apps.get_app_configs():
        folder = Path(config.path) / "static"
        if settings.BASE_DIR in folder.parents and ".venv" not in folder.parts and folder.is_dir():
            for path in sorted(folder.rglob("*")):
                digest.update(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def ensure_operator(announce: Callable[[str], object] = lambda _password: None) -> str:
    """Create the first operator if there is none.

    Args:
        announce: Called with a random password before the operator is committed. After an interrupted start, either the
            password was shown or there is no operator, whom the next start creates.

    Returns:
        The random password; "" if there is nothing to show.

    Raises:
        SettingError: ADMIN_PASSWORD_FILE cannot be read or is empty.
    """
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return ""
    password, is_random = _operator_password()
    try:
        with transaction.atomic():
            users.create_superuser(OPERATOR, "", password)
            if is_random:
                announce(password)
    except IntegrityError:  # another machine was first
        return ""
    return password if is_random else ""


def find_operator() -> str:
    """Return the name of the first superuser who can log in; "" if there is none."""
    users = get_user_model()._default_manager.filter(is_superuser=True, is_active=True)
    return str(users.order_by("pk").values_list(get_user_model().USERNAME_FIELD, flat=True).first() or "")


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
