"""The row that ties a database to its keys and to the sandbox or the real Bing, and the pruning of queue records."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Task as QueueRecord

from bingproject.cluster.database_identity import prune_records, verify_installation
from bingproject.conf.environment import SettingError, new_seal_key
from bingproject.models import Installation, Machine
from bingproject.security.encryption import fingerprint
from tests.bingproject.cluster.clusters import manage
from tests.factories import make_machine

pytestmark = pytest.mark.django_db


def test_first_start_ties(settings: Any) -> None:
    """The first process writes the row, the next ones find it as they expect; no key is in it."""
    settings.SANDBOX = True
    verify_installation()
    verify_installation()
    row = Installation.objects.get()
    assert row.is_sandbox
    assert row.seal_keys == [fingerprint(key) for key in settings.SEAL_KEYS]
    assert str(row) == "sandbox"


@pytest.mark.parametrize(("first", "word"), [(True, "belongs to the sandbox"), (False, "belongs to the real Bing")])
def test_the_other_way_round_is_refused(settings: Any, first: bool, word: str) -> None:
    """A database of the sandbox never serves the real Bing, nor the other way round."""
    settings.SANDBOX = first
    verify_installation()
    settings.SANDBOX = not first
    with pytest.raises(SettingError, match=word):
        verify_installation()


def test_key_rotation(settings: Any) -> None:
    """A new key in front is taken up; from then on a process with only one of the two is refused."""
    old, new = new_seal_key(), new_seal_key()
    settings.SEAL_KEYS = [old]
    verify_installation()
    settings.SEAL_KEYS = [new, old]
    verify_installation()
    assert Installation.objects.get().seal_keys == [fingerprint(new), fingerprint(old)]
    for alone in (old, new):
        settings.SEAL_KEYS = [alone]
        with pytest.raises(SettingError, match="SEAL_KEYS lacks a key") as caught:
            verify_installation()
        assert alone not in str(caught.value)


def test_a_key_is_added_behind_the_first_while_others_run(settings: Any) -> None:
    """It seals nothing there, so processes without it may start; once it is first, they may not."""
    old, new = new_seal_key(), new_seal_key()
    for keys in ([old], [old, new], [old]):
        settings.SEAL_KEYS = keys
        verify_installation()
    assert Installation.objects.get().seal_keys == [fingerprint(old)]
    for keys in ([new, old], [old, new]):
        settings.SEAL_KEYS = keys
        verify_installation()
    assert Installation.objects.get().seal_keys == [fingerprint(new), fingerprint(old)]
    settings.SEAL_KEYS = [old]
    with pytest.raises(SettingError, match="rotate_seals"):
        verify_installation()


def test_a_database_without_tables_is_told(tmp_path: Path) -> None:
    """A cluster on a fresh database ends with one line that says what to run."""
    ended = manage(tmp_path, "cluster")
    assert ended.returncode == 1
    assert "run manage.py prepare" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """Nobody listens at DATABASE_URL: one line, without the address's password."""
    ended = manage(tmp_path, "cluster", DATABASE_URL="postgres://name:hidden@127.0.0.1:1/none")
    assert ended.returncode == 1
    assert "The database does not answer" in ended.stderr
    assert "hidden" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_prune_records() -> None:
    """Old results, expired log-ins and machines long gone are deleted; fresh ones stay."""
    now = timezone.now()
    for name, age in (("old", timedelta(days=8)), ("new", timedelta(hours=1))):
        QueueRecord.objects.create(
            id=name, name=name, func="f", started=now - age, stopped=now - age, success=False, attempt_count=1
        )
        make_machine(machine_id=name, seen_at=now - age)
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))
    assert prune_records() == 3
    assert list(QueueRecord.objects.values_list("name", flat=True)) == ["new"]
    assert list(Machine.objects.values_list("machine_id", flat=True)) == ["new"]
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]
