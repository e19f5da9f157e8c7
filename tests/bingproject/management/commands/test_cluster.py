"""`manage.py cluster` at its edges; what it survives stands in tests/bingproject/cluster/test__compat_django_q.py."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.bingproject.cluster.clusters import manage

pytestmark = pytest.mark.slow


def test_settings_that_contradict_each_other_stop_the_start(tmp_path: Path) -> None:
    """The system checks run before anything is forked."""
    module = tmp_path / "wrong_settings.py"
    module.write_text("from tests.bingproject.cluster.cluster_settings import *\nQ_CLUSTER['retry'] = 10\n")
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:  # without a database the command is not even loaded
        database.execute("CREATE TABLE other (x)")
    database.close()
    ended = manage(tmp_path, "cluster", DJANGO_SETTINGS_MODULE="wrong_settings", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert "bingproject.E001" in ended.stderr


def test_the_sandboxs_database_is_not_worked_for_the_real_bing(tmp_path: Path) -> None:
    """Started the other way round it ends with one line and touches nothing."""
    assert manage(tmp_path, "migrate", "-v0").returncode == 0
    code = "from bingproject.cluster.database_identity import verify_installation; verify_installation()"
    assert manage(tmp_path, "shell", "-v0", "-c", code, SANDBOX="1").returncode == 0
    ended = manage(tmp_path, "cluster")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "belongs to the sandbox" in ended.stderr
