"""Refuse a database of another version of the project before its tables collide with this one's migrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from bingproject.conf.data_dir import explain_other_version
from bingproject.conf.environment import SettingError
from bingproject.security.roles import OWN_APPS


def refuse_unknown_history(using: str, plan: Sequence[tuple[Migration, bool]], **_signal: Any) -> None:
    """End `migrate` before it starts if the database has migrations of this project that this version does not have.

    Only if there is something to apply: an older version may start on the tables of a newer one.

    Raises:
        SettingError: The migrations to apply would collide with those of the other version.
    """
    if not any(migration.app_label in OWN_APPS and not is_backwards for migration, is_backwards in plan):
        return
    known = MigrationLoader(None).disk_migrations
    applied = MigrationRecorder(connections[using]).applied_migrations()
    unknown = sorted(key for key in applied if key[0] in OWN_APPS and key not in known)
    if unknown:
        name = ".".join(unknown[0])
        raise SettingError(explain_other_version(settings.DATA_DIR, name, is_sqlite=settings.IS_SQLITE))
