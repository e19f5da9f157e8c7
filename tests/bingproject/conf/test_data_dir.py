"""DATA_DIR: made and kept for its owner only, whatever it is called; what is in the way is one line that names it."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bingproject.conf.data_dir import make_database, make_folder, stored_secret
from bingproject.conf.environment import SettingError, new_secret_key

ROOT = Path(__file__).resolve().parents[3]
REFUSAL = r"^DATA_DIR must be a folder that this user can read and write, not "


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _manage(folder: Path | str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "HOME": str(ROOT), "DATA_DIR": str(folder)} | variables
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _no_link(*_paths: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_stored_secret_is_made_once_and_private(tmp_path: Path) -> None:
    """The first start makes it, readable by its owner only; later starts read it."""
    path = tmp_path / "data" / "key"
    made = stored_secret(path, new_secret_key)
    assert len(made) == 64
    assert stored_secret(path, lambda: "other") == made
    assert (_mode(path), _mode(path.parent)) == (0o600, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def test_stored_secret_when_another_process_was_first(tmp_path: Path) -> None:
    """Two processes that start at once end up with the same secret."""
    path = tmp_path / "key"

    def slow_draft() -> str:
        path.write_text("of the other")
        return "of this one"

    assert stored_secret(path, slow_draft) == "of the other"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_file_system_without_links_keeps_the_secret_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_missing: bool
) -> None:
    """`os.link` refused or not there at all: the secret is made once all the same, and no draft of it stays."""
    if is_missing:
        monkeypatch.delattr(os, "link")
    else:
        monkeypatch.setattr(os, "link", _no_link)
    path = tmp_path / "key"
    made = stored_secret(path, new_secret_key)
    assert stored_secret(path, lambda: "other") == made
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
    assert _mode(path) == 0o600


def test_without_links_the_first_process_wins_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one has the file; what it wrote is read."""
    monkeypatch.setattr(os, "link", _no_link)
    path = tmp_path / "key"

    def slow_draft() -> str:
        path.write_text("of the other")
        return "of this one"

    assert stored_secret(path, slow_draft) == "of the other"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "has an empty secret_key: put the key into it"), (b"\xff\xfe", "has a secret_key that is no key")],
)
def test_a_key_file_without_a_key_is_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    """`touch` made it for a mount: the line names the folder and the file."""
    (tmp_path / "secret_key").write_bytes(content)
    with pytest.raises(SettingError) as refusal:
        stored_secret(tmp_path / "secret_key", new_secret_key)
    assert f"DATA_DIR ({tmp_path}) {words}" in str(refusal.value)


def test_folders_are_made_for_their_owner_only(tmp_path: Path) -> None:
    """With DATA_DIR=data/demo, data is made as well, and later becomes the DATA_DIR of another server."""
    make_folder(tmp_path / "data" / "demo")
    assert (_mode(tmp_path / "data"), _mode(tmp_path / "data/demo")) == (0o700, 0o700)


def test_modes_are_repaired(tmp_path: Path) -> None:
    """A folder and files that others could read are closed at the next start; a folder shared by all is not."""
    folder = tmp_path / "data"
    folder.mkdir()
    names = ("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm")
    for path in (folder, *(folder / name for name in names)):
        path.touch()
        path.chmod(0o755)
    make_folder(folder)
    make_database(folder / "db.sqlite3")
    assert _mode(folder) == 0o700
    assert {_mode(folder / name) for name in names} == {0o600}
    folder.chmod(0o1777)
    make_folder(folder)
    assert _mode(folder) == 0o1777


def test_what_sqlite_adds_is_private_too(tmp_path: Path) -> None:
    """-wal and -shm take the mode of the database, whatever the umask."""
    before = os.umask(0)
    try:
        make_database(tmp_path / "db.sqlite3")
        with sqlite3.connect(tmp_path / "db.sqlite3") as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE t (x)")
            modes = {path.name: _mode(path) for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == {"db.sqlite3": 0o600, "db.sqlite3-wal": 0o600, "db.sqlite3-shm": 0o600}


@pytest.mark.slow
def test_the_real_settings_close_an_open_folder(tmp_path: Path) -> None:
    """The folder existed with 0755, as `make demo` once left it: a start makes all of it the owner's."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    assert _manage(folder, "migrate", "-v0").returncode == 0
    assert _mode(folder) == 0o700
    assert {path.name: _mode(path) for path in folder.iterdir()} == {
        "db.sqlite3": 0o600,
        "secret_key": 0o600,
        "seal_keys": 0o600,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["C#", "a?b", "#x", "a%20b", "50%41"])
def test_the_database_lies_in_its_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    """Signs that end a part of an address, or stand for another sign there, are letters of a path."""
    folder = tmp_path / name / "data"
    ran = _manage(folder, "migrate", "-v0")
    assert ran.returncode == 0, ran.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["db.sqlite3", "seal_keys", "secret_key"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/a#b/db.sqlite3", "sqlite:////srv/a?b/db.sqlite3", "postgres://u:a#b@h/d"]
)
def test_a_sign_that_ends_an_address_is_refused_in_database_url(tmp_path: Path, url: str) -> None:
    """The path or password behind it would be dropped without a word."""
    ran = _manage(tmp_path / "data", "check", DATABASE_URL=url)
    line = "bingproject cannot start: DATABASE_URL must have # and ? of a path or password as %23 and %3F.\n"
    assert (ran.returncode, ran.stderr) == (1, line)


@pytest.mark.slow
def test_a_percent_encoded_path_in_database_url_is_decoded(tmp_path: Path) -> None:
    """What the refusal asks for works."""
    (tmp_path / "a#b").mkdir()
    url = f"sqlite:///{tmp_path}/a%23b/db.sqlite3"
    assert _manage(tmp_path / "data", "migrate", "-v0", DATABASE_URL=url).returncode == 0
    assert (tmp_path / "a#b" / "db.sqlite3").exists()


def _file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file"


@pytest.mark.parametrize(
    "place",
    [lambda folder: _file(folder), lambda folder: _file(folder) / "below", lambda _: Path("/proc/bp")],
    ids=["a file", "below a file", "proc"],
)
def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, place: Any) -> None:
    """Every command says the same: which setting, which folder, what the system said."""
    folder = place(tmp_path)
    ran = _manage(folder, "check")
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert f"DATA_DIR must be a folder that this user can read and write, not {folder} (" in ran.stderr


@pytest.mark.slow
def test_home_is_replaced(tmp_path: Path) -> None:
    """From systemd or compose `~` arrives as it is: it is the home, and no folder of that name."""
    ran = _manage("~/bp", "migrate", "-v0", HOME=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "bp/db.sqlite3").exists()
    assert not (ROOT / "~").exists()


@pytest.mark.slow
def test_a_broken_database_names_data_dir(tmp_path: Path) -> None:
    """Nobody has set DATABASE_URL, so nobody is sent to look at it."""
    (tmp_path / "db.sqlite3").write_bytes(b"no database, but long enough to look like one at a glance" * 20)
    for command in (("whitelist", "list"), ("cluster",), ("prepare",)):
        ran = _manage(tmp_path, *command)
        assert ran.returncode == 1
        assert ran.stderr.count("\n") == 1, ran.stderr
        assert f"see DATA_DIR ({tmp_path})" in ran.stderr
