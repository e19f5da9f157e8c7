"""What `manage.py` does around a command: one line instead of a stack for what the person at the terminal can mend."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, ManagementUtility
from django.db import Error, connection

from bingproject.conf.data_dir import DATABASE_NAME, explain_missing_tables, explain_no_answer, has_tables
from bingproject.conf.environment import Environment, SettingError

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130
REDELIVERY_DELAY = 0.01
TABLES_KEPT_BY = "django_migrations"
# All other commands, those of libraries included, work on rows: without a database they would only leave an empty one
# and fresh keys behind.
WITHOUT_TABLES = {
    "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help", "makemessages", "makemigrations",
    "migrate", "optimizemigration", "prepare", "sandbox", "sendtestemail", "serve", "shell", "showmigrations",
    "spectacular", "sqlmigrate", "squashmigrations", "startapp", "startproject", "test", "version",
}  # fmt: skip


class Utility(ManagementUtility):
    """Django's command line, which ends at once by Ctrl-C until the command itself is loaded."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Load a command; from now on Ctrl-C is its own matter."""
        command = super().fetch_command(subcommand)
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command


def main(arguments: list[str]) -> None:
    """Run a command of `manage.py`.

    Raises:
        SystemExit: With one line for a wrong setting, missing tables and a prompt that nobody answers; with 130 after
            Ctrl-C.
    """
    sys.unraisablehook = _redeliver_interrupt
    if not sys.stdin:  # closed, as by `<&-`: whoever reads gets an end of file and no AttributeError
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - stays open for the command
    try:
        _refuse_without_database(arguments)
        _refuse_without_answers(arguments)
        Utility(arguments).execute()
    except SettingError as error:
        sys.exit(f"bingproject cannot start: {error}")
    except EOFError:
        sys.exit(_say_unanswered(arguments))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Error as error:
        if not (line := _explain(error)):
            raise
        sys.exit(f"bingproject cannot start: {line}")


def _redeliver_interrupt(lost: sys.UnraisableHookArgs) -> None:
    """Send Ctrl-C again when Python raised it where it ignores exceptions: in a weakref callback, in `__del__`.

    Python would print a stack and go on with the command as if nobody had pressed anything. The signal comes
    from another thread and a moment later, since it would otherwise be raised, and ignored, in this very function.
    """
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    main_thread = threading.main_thread().ident
    timer = threading.Timer(REDELIVERY_DELAY, signal.pthread_kill, [main_thread, signal.SIGINT])
    timer.daemon = True
    timer.start()


def _refuse_without_database(arguments: list[str]) -> None:
    """Before settings are read, since reading them makes keys and an empty database where there are none."""
    command, *options = arguments[1:] or ["help"]
    if command.startswith("-") or command in WITHOUT_TABLES or {"-h", "--help"} & set(options):
        return
    env = Environment()
    folder = env.path("DATA_DIR") or ROOT / "data"
    if not env.secret("DATABASE_URL") and not has_tables(folder / DATABASE_NAME):
        raise SettingError(explain_missing_tables(folder, is_sqlite=True))


def _refuse_without_answers(arguments: list[str]) -> None:
    """Before a prompt is printed and warned about: passwords are asked for on the terminal, or read from a pipe."""
    command, *options = arguments[1:] or ["help"]
    if {"-h", "--help", "--noinput", "--no-input"} & set(options) or sys.stdin.isatty():
        return
    is_unanswered = command == "createsuperuser"  # Django says that it skips it, and exits with 0
    if command == "changepassword":
        is_unanswered = not _has_terminal() and not _has_input(sys.stdin)
    if is_unanswered:
        sys.exit(_say_unanswered(arguments))


def _has_input(file: Any) -> bool:
    """Whether there is anything to read; waits for it, and takes nothing."""
    return bool(file.buffer.peek(1))


def _has_terminal() -> bool:
    """Whether there is a terminal to ask on, whatever the standard input is."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _say_unanswered(arguments: list[str]) -> str:
    return f"manage.py {arguments[1]} asks for input and got none: run it in a terminal."


def _explain(error: Error) -> str:
    """Ask the database, and return one line if it does not answer or has no tables; "" if `error` has another cause."""
    connection.close()
    try:
        has_been_prepared = TABLES_KEPT_BY in connection.introspection.table_names()
    except Error:
        return explain_no_answer(error, settings.DATA_DIR, is_given=bool(settings.DATABASE_URL))
    return "" if has_been_prepared else explain_missing_tables(settings.DATA_DIR, is_sqlite=settings.IS_SQLITE)
