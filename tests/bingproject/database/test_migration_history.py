"""A database of another version is one line that says what to do, and is left as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from bingproject.conf.environment import SettingError
from bingproject.server import bootstrap


def _pretend_other_version() -> None:
    """Record one migration that nobody has, in place of ours."""
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("chat", "0001_initial")
    recorder.record_applied("chat", "0001_conversations")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("is_sqlite", "advice"),
    [(True, "move /srv/data away, or set another DATA_DIR"), (False, "name an empty database in DATABASE_URL")],
)
def test_a_database_of_another_version_is_refused(settings: Any, is_sqlite: bool, advice: str) -> None:
    """The line names what is unknown and what to do, before a table is touched."""
    settings.DATA_DIR, settings.IS_SQLITE = Path("/srv/data"), is_sqlite
    _pretend_other_version()
    with pytest.raises(SettingError) as caught:
        bootstrap.migrate()
    assert str(caught.value) == (
        "Another version of bingproject made this database (migration chat.0001_conversations is unknown here). "
        f"To start with an empty one, {advice}; to keep what is in it, run the version that made it."
    )


@pytest.mark.django_db
def test_an_older_version_starts_on_newer_tables() -> None:
    """With nothing to migrate, what the next version added is no reason to stay away."""
    MigrationRecorder(connection).record_applied("chat", "0002_of_the_next_version")
    call_command("migrate", verbosity=0)
    assert bootstrap.migrate() is False


@pytest.mark.django_db
def test_other_apps_may_drop_their_old_migrations() -> None:
    """A library that squashed its own is none of our business."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("axes", "0000_squashed_long_ago")
    recorder.record_unapplied("chat", "0001_initial")
    call_command("migrate", "chat", fake=True, verbosity=0)
    assert bootstrap.migrate() is False
