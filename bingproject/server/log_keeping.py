"""Begin to write the log into LOG_FILE. Commands other than the server's do not: they may run as another user."""

from __future__ import annotations

import logging.config
import os
from pathlib import Path

from django.conf import settings

from bingproject.conf.environment import SettingError
from bingproject.conf.log_file import with_log_file

_log = logging.getLogger(__name__)


def keep_log() -> None:
    """Write the log into LOG_FILE as well, in this process and in those that it forks.

    If the default file cannot be written, one warning says so and the log stays on stderr alone.

    Raises:
        SettingError: The file that LOG_FILE names cannot be written.
    """
    path = settings.LOG_FILE
    if path is None:
        return
    try:
        _check(path)
    except OSError as error:
        if settings.IS_LOG_FILE_GIVEN:
            raise SettingError(
                f"LOG_FILE must be a file in a folder that this user can write into, not {path} ({error.strerror}), "
                "e.g. LOG_FILE=/var/lib/bingproject/server.log, or LOG_FILE=- for none."
            ) from error
        _log.warning("No log file is kept, since %s cannot be written (%s).", path, error.strerror)
        return
    # Into the settings too: the web process sets Django up a second time, after it was forked.
    settings.LOGGING = with_log_file(settings.LOGGING, path)
    logging.config.dictConfig(settings.LOGGING)


def keep_given_log() -> None:
    """Do as `keep_log` if LOG_FILE is set: for parts that run without `serve`. Raises: SettingError."""
    if settings.IS_LOG_FILE_GIVEN:
        keep_log()


def _check(path: Path) -> None:
    """Make the folder and the file, for their owner only. Raises: OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Its mode is set and it is renamed, which would break a device such as /dev/null.
    if path.exists() and not path.is_file():
        raise OSError(0, "Not a regular file")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(0, "Permission denied for the folder")
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
