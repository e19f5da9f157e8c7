"""DATA_DIR: the folder with the SQLite file and the keys, readable by its owner only.

Every failure is one line that names DATA_DIR.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bingproject.conf.environment import SettingError

DATABASE_NAME = "db.sqlite3"
# SQLite gives the files that it puts beside the database the database's own mode.
BESIDE_DATABASE = ("-wal", "-shm", "-journal")
_READ_TRIES, _READ_PAUSE_SECONDS = 20, 0.05


def make_folder(folder: Path) -> None:
    """Create DATA_DIR and its missing parents for their owner only; repair its mode.

    Raises:
        SettingError: It cannot be created, or something else has its name.
    """
    try:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            with suppress(FileExistsError):  # another process was first
                missing.mkdir(mode=0o700)
        if not folder.is_dir():
            raise NotADirectoryError(0, "Not a directory")
    except OSError as error:
        raise SettingError(explain_refusal(folder, error)) from error
    # An existing folder may be shared, such as /tmp or /srv, so its mode stays.
    if not folder.stat().st_mode & stat.S_ISVTX and folder.parent != Path(folder.anchor):
        _make_private(folder, 0o700)


def make_database(path: Path) -> None:
    """Create the SQLite file if it is missing; make it and the files beside it readable by their owner only.

    Raises:
        SettingError: It cannot be made.
    """
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if not os.access(path, os.F_OK):  # one that is there and cannot be read is SQLite's to report
            raise SettingError(explain_refusal(path.parent, error)) from error
    for name in ("", *BESIDE_DATABASE):
        _make_private(path.with_name(path.name + name), 0o600)


def _make_private(path: Path, mode: int) -> None:
    """Remove the access of others. File systems without modes, such as exFAT, refuse or ignore this."""
    with suppress(OSError):
        found = path.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(mode)


def stored_secret(path: Path, create: Callable[[], str]) -> str:
    """Return the secret stored in `path`; create it first if missing, readable by its owner only.

    A second process that starts at the same moment reads what the first one wrote.

    Raises:
        SettingError: It can be neither read nor created, or the file is empty.
    """
    make_folder(path.parent)
    try:
        if not path.exists():
            _store(path, create())
        _make_private(path, 0o600)
        text = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError as error:
        raise SettingError(f"DATA_DIR ({path.parent}) has a {path.name} that is no key: put the key back.") from error
    except OSError as error:
        raise SettingError(explain_refusal(path.parent, error, path.name)) from error
    if not text:
        raise SettingError(
            f"DATA_DIR ({path.parent}) has an empty {path.name}: put the key into it, or remove it to have one made."
        )
    return text


def _store(path: Path, text: str) -> None:
    """Write the secret under another name, then link it: no process reads half of it, and the first link wins."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write_new(draft, text)
        os.link(draft, path)
    except FileExistsError:
        return
    except (AttributeError, OSError):  # no hard links: Termux, exFAT, some network file systems
        _store_without_link(path, text)
    finally:
        draft.unlink(missing_ok=True)


def _store_without_link(path: Path, text: str) -> None:
    try:
        _write_new(path, text)
    except FileExistsError:
        # Another process has made the file and may be about to write into it.
        for _ in range(_READ_TRIES):
            if path.stat().st_size:
                return
            time.sleep(_READ_PAUSE_SECONDS)


def _write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet; remove it if that fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def replace_file(path: Path, text: str) -> None:
    """Write a file readable by its owner only, atomically.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write_new(draft, text)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def explain_refusal(folder: Path, error: OSError, name: str = "") -> str:
    """Return a message with the system's reason against a folder, or against the file `name` in it."""
    what = f"{name}: " if name else ""
    return (
        f"DATA_DIR must be a folder that this user can read and write, not {folder} ({what}{error.strerror}), "
        "e.g. DATA_DIR=/var/lib/bingproject."
    )


def has_tables(path: Path) -> bool:
    """Return False if the SQLite file is missing or empty."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def explain_missing_tables(folder: Path, *, is_sqlite: bool) -> str:
    """Return what to do about a database without tables; name the demo's if that one may be meant."""
    where = f" (DATA_DIR is {folder})" if is_sqlite else ""
    demo = folder / "demo"
    hint = f" The demo has its own: DATA_DIR={demo}." if is_sqlite and has_tables(demo / DATABASE_NAME) else ""
    return f"The database has no tables yet{where}: run manage.py prepare, or start the server.{hint}"


def explain_other_version(folder: Path, migration: str, *, is_sqlite: bool) -> str:
    """Return what to do about a database whose tables this version can neither use nor migrate."""
    start = f"move {folder} away, or set another DATA_DIR" if is_sqlite else "name an empty database in DATABASE_URL"
    return (
        f"Another version of bingproject made this database (migration {migration} is unknown here). "
        f"To start with an empty one, {start}; to keep what is in it, run the version that made it."
    )


def explain_no_answer(error: Exception, folder: Path, *, is_given: bool) -> str:
    """Return a message that names the setting of a database that does not answer: DATABASE_URL only if it is set."""
    where = "see DATABASE_URL" if is_given else f"see DATA_DIR ({folder}) and who may read and write what is in it"
    return f"The database does not answer ({type(error).__name__}): {where}."
