"""Allow one `serve` for each DATA_DIR, by a lock that ends with the process however it ends.

Web and cluster processes that are started apart share a folder on purpose and take no lock.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from pathlib import Path

from bingproject.conf.data_dir import explain_refusal, make_folder
from bingproject.conf.environment import SettingError

LOCK_NAME = "serve.lock"
_TAKEN = (errno.EACCES, errno.EAGAIN)
_log = logging.getLogger(__name__)


def take_lock(folder: Path, port: int) -> int:
    """Lock DATA_DIR and return the open file. Closing it, or the end of the process, releases the lock.

    A record lock and not flock(): forked services do not inherit it, so none keeps it longer than the supervisor.

    Raises:
        SettingError: Another process has the lock, or the file cannot be opened.
    """
    make_folder(folder)
    path = folder / LOCK_NAME
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingError(explain_refusal(folder, error, LOCK_NAME)) from error
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            holder = os.read(file, 100).decode("ascii", "replace").split()
            os.close(file)
            raise SettingError(_refusal(folder, holder)) from error
        # Some network file systems have no locks; the server should start there too.
        _log.warning("DATA_DIR (%s) cannot be locked (%s): start no second server on it.", folder, error.strerror)
        return file
    os.ftruncate(file, 0)
    os.write(file, f"{os.getpid()} {port}\n".encode("ascii"))
    return file


def _refusal(folder: Path, holder: list[str]) -> str:
    who = f"process {holder[0]} on port {holder[1]}" if len(holder) == 2 else "another server"
    return f"This DATA_DIR ({folder}) is in use by {who}: stop that one, or set another DATA_DIR."
