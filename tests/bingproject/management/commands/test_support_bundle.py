"""`manage.py support_bundle` as a process: with a database, without one, and where it cannot write."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.bingproject.cluster.clusters import manage
from tests.rig.servers import free_port

pytestmark = pytest.mark.slow
PROJECT = {"DJANGO_SETTINGS_MODULE": "bingproject.settings"}
MEMBERS = ["versions.json", "settings.json", "states.json", "probe.txt", "logs/none.txt"]


def members(path: Path) -> dict[str, str]:
    """The texts in an archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_bundle_is_saved_and_listed(tmp_path: Path) -> None:
    """One line with path and size, then the members; the second run names the file and changes nothing."""
    manage(tmp_path, "migrate", "--verbosity", "0", **PROJECT)
    path = tmp_path / "bundle.zip"
    done = manage(tmp_path, "support_bundle", "--output", str(path), **PROJECT)
    assert done.returncode == 0, done.stderr
    first, *listed = done.stdout.splitlines()
    assert first.startswith(f"Saved {path} ({path.stat().st_size:,} bytes). ")
    assert [line.strip() for line in listed] == list(members(path)) == MEMBERS
    assert json.loads(members(path)["states.json"])["tasks"] == {}
    assert done.stderr == ""
    again = manage(tmp_path, "support_bundle", "--output", str(path), **PROJECT)
    assert again.returncode == 1
    assert again.stderr == f"CommandError: {path} exists already. Name a file that does not.\n"


def test_without_a_path_it_is_in_the_data_dir(tmp_path: Path) -> None:
    """Beside the probes."""
    manage(tmp_path, "migrate", "--verbosity", "0", **PROJECT)
    assert manage(tmp_path, "support_bundle", **PROJECT).returncode == 0
    (path,) = tmp_path.glob("support-*.zip")
    assert list(members(path)) == MEMBERS


def test_a_database_that_is_down(tmp_path: Path) -> None:
    """What can be read is saved; its address is in no member, and a warning says what is left out."""
    address = f"postgres://somebody:s3cret-word@127.0.0.1:{free_port()}/rows"
    path = tmp_path / "bundle.zip"
    done = manage(tmp_path, "support_bundle", "--output", str(path), DATABASE_URL=address, **PROJECT)
    assert done.returncode == 0, done.stderr
    assert "Log and probe: The names of accounts, callers and operators could not be read" in done.stderr
    found = members(path)
    assert found["states.json"] == "The database cannot be read (OperationalError).\n"
    assert "django" in json.loads(found["versions.json"])["packages"]
    assert "is left out" in found["probe.txt"]
    assert not any(word in text for text in found.values() for word in ("somebody", "s3cret-word"))
    path = tmp_path / "unmasked.zip"
    options = ("--output", str(path), "--unmasked-names")
    done = manage(tmp_path, "support_bundle", *options, DATABASE_URL=address, **PROJECT)
    assert done.returncode == 0 and "look for them here before you share this" in done.stderr
    assert "No probe has been saved" in members(path)["probe.txt"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """And exit code 1."""
    manage(tmp_path, "migrate", "--verbosity", "0", **PROJECT)
    path = tmp_path / "none/bundle.zip"
    done = manage(tmp_path, "support_bundle", "--output", str(path), **PROJECT)
    assert done.returncode == 1
    assert done.stderr == f"CommandError: {path} cannot be written (No such file or directory).\n"
