"""The members of a support bundle: what they hold, and that nothing in them names anybody or opens anything."""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import Account, AccountState
from bingproject.models import Alert
from bingproject.server import support_bundle
from bingproject.server.support_bundle import (
    LEFT_OUT,
    UNMASKED,
    build_members,
    describe_settings,
    last_probe,
    logs,
    states,
    stored_names,
    versions,
    write_archive,
)
from tests.factories import make_account, make_machine, make_process, make_task, make_user, set_capability

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """A DATA_DIR with a log and a probe that name an account, a caller, a secret and an address."""
    settings.DATA_DIR, settings.LOG_FILE = tmp_path, tmp_path / "server.log"
    text = f"account anna of carol at 203.0.113.7: {settings.SECRET_KEY} in {tmp_path}/x\n"
    for name in ("server.log", "server.log.1", "probe-20261130-120000.txt", "probe-20261201-120000.txt"):
        (tmp_path / name).write_text(f"{name}: {text}")
    return tmp_path


def test_all_members_of_a_server_in_use(folder: Path) -> None:
    """Log and probe are there, cleaned; only the newest probe is."""
    make_account("anna")
    make_user("carol")
    members = build_members(timezone.now())
    cleaned = ": account [hidden] of [hidden] at [hidden]: [hidden] in DATA_DIR/x\n"
    assert members.pop("logs/server.log") == f"server.log{cleaned}"
    assert members.pop("logs/server.log.1") == f"server.log.1{cleaned}"
    assert members.pop("probe.txt") == f"probe-20261201-120000.txt{cleaned}"
    assert list(members) == ["versions.json", "settings.json", "states.json"]
    assert json.loads(members["states.json"])["accounts"] == {"bing ok": 1}
    assert not any(name in text for text in members.values() for name in ("anna", "carol"))


def test_versions_are_those_installed(settings: Any) -> None:
    """Each package of requirements-prod.txt, and the database that is used."""
    found = versions()
    assert found["bingproject"] == settings.VERSION
    assert found["packages"]["django"]["installed"] == found["packages"]["django"]["pinned"]
    assert "concurrent-log-handler" in found["packages"] and "psycopg" in found["packages"]
    assert found["database"].split()[0] in ("sqlite", "postgresql")


def test_a_package_that_is_missing_is_named(settings: Any, tmp_path: Path) -> None:
    """Its line has an extra and a marker, as some of the real ones do."""
    settings.BASE_DIR = tmp_path
    (tmp_path / "requirements-prod.txt").write_text('no-such-package[a]==1.2 ; python_version < "4" \\\n    --hash=x\n')
    assert versions()["packages"] == {"no-such-package": {"pinned": "1.2", "installed": "not installed"}}


def test_settings_have_name_value_and_source() -> None:
    """Those of this process; the keys are masked wherever they came from."""
    found = {row.pop("name"): row for row in describe_settings()}
    assert found["PORT"].keys() == {"value", "source"}
    assert found["LOG_FILE"] == {"value": "DATA_DIR/logs/server.log", "source": "default"}
    assert found["SECRET_KEY"]["value"] in ("", "[hidden]")
    assert {row["source"] for row in found.values()} <= {"default", "environment", "file"}


def test_states_are_counts() -> None:
    """By state; an account that is disabled apart, an alert that has ended not at all."""
    now = timezone.now()
    make_account("anna")
    bert = make_account("bert", state=AccountState.EXPIRED)
    Account.objects.filter(pk=make_account("carl").pk).update(is_enabled=False)
    set_capability(bert, "image", cooldown_until=now + timedelta(hours=1), check_state="failed", checked_at=now)
    for created_at in (now, now - timedelta(minutes=5)):
        make_task(created_at=created_at)
    make_task(state="completed")
    make_machine()
    make_process("web-1", problem="two of anna's machines")
    Alert.objects.create(cause="account 7 expired", summary="“bert”", began_at=now, seen_at=now)
    Alert.objects.create(cause="account 8 expired", summary="“anna”", began_at=now, seen_at=now, ended_at=now)
    found = states(now)
    assert found["accounts"] == {"bing expired": 1, "bing ok": 1}
    assert found["accounts_disabled"] == {"bing ok": 1}
    assert found["capabilities_resting"] == {"image": 1}
    failed = [row for row in found["last_checks"] if row["check_state"] == "failed"]
    assert failed == [{"capability": "image", "check_state": "failed", "count": 1, "newest_at": now}]
    assert found["tasks"] == {"image completed": 1, "image queued": 2}
    assert found["oldest_queued_task_at"] == now - timedelta(minutes=5)
    assert sorted((row["role"], row["has_problem"]) for row in found["processes"]) == [
        ("cluster", False),
        ("web", True),
    ]
    assert [row["cause"] for row in found["alerts_open"]] == ["account 7 expired"]
    assert found["jobs_waiting"] == 0
    text = json.dumps(found, default=str)
    assert not any(name in text for name in ("anna", "bert", "carl", "fox"))


def test_a_queue_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted all the same."""

    def refuse() -> None:
        raise ConnectionError("redis.example.org")

    monkeypatch.setattr(support_bundle, "own_broker", refuse)
    found = states(timezone.now())
    assert found["jobs_waiting"] == "The job queue does not answer (ConnectionError)."
    assert found["tasks"] == {}


def test_a_database_out_of_reach_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each member that needs it says so, without its address; log and probe are left out unless names may stay."""

    def refuse(*_arguments: object) -> None:
        raise OperationalError("no route to db.example.org")

    for name in ("states", "stored_names", "_database_version"):
        monkeypatch.setattr(support_bundle, name, refuse)
    members = build_members(timezone.now())
    said = "The database cannot be read (OperationalError)."
    assert members["states.json"].strip() == said
    assert json.loads(members["versions.json"])["database"].strip() == said
    assert {members["logs/server.log"], members["logs/server.log.1"], members["probe.txt"]} == {LEFT_OUT}
    assert not any("db.example.org" in text for text in members.values())
    members = build_members(timezone.now(), unmasked_names=True)
    assert members["logs/server.log"].startswith(UNMASKED) and members["probe.txt"].startswith(UNMASKED)
    assert "anna" in members["probe.txt"] and "203.0.113.7" not in members["probe.txt"]


def test_stored_names_are_those_of_accounts_callers_and_operators(admin_user: Any) -> None:
    """All that an operator can name."""
    make_account("anna")
    make_user("carol")
    assert sorted(stored_names()) == sorted(["anna", "carol", admin_user.get_username()])


@pytest.mark.parametrize(("name", "why"), [("", "LOG_FILE is -"), ("server.log", "names no file that exists")])
def test_no_log_is_said(tmp_path: Path, name: str, why: str) -> None:
    """Switched off, or never written."""
    found = logs(tmp_path / name if name else None)
    assert list(found) == ["logs/none.txt"] and why in found["logs/none.txt"]


def test_no_probe_is_said(tmp_path: Path) -> None:
    """With what makes one."""
    assert "manage.py probe" in last_probe(tmp_path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A folder of the name, as a stand-in for a file of another user's."""
    (tmp_path / "probe-1.txt").mkdir()
    assert last_probe(tmp_path) == "probe-1.txt cannot be read (Is a directory).\n"


def test_the_archive_is_its_owners_and_new(tmp_path: Path) -> None:
    """Its size is returned; a file that is there stays as it is."""
    path = tmp_path / "bundle.zip"
    assert write_archive({"a.txt": "text", "logs/b.txt": "é"}, path) == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            "a.txt": "text",
            "logs/b.txt": "é",
        }
    with pytest.raises(FileExistsError):
        write_archive({}, path)
    assert zipfile.is_zipfile(path)
