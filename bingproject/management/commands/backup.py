"""`manage.py backup FILE`: a copy of the SQLite database, while the server runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from creator.services import back_up_sqlite


class Command(BaseCommand):
    """Copy the database into a file that only its owner can read."""

    help = (
        "Copy the SQLite database into a new file while the server runs; no other program is needed. What is queued "
        "is cancelled in the copy, so that nothing is sent again after it was restored. The keys in DATA_DIR are not "
        "in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path, help="the file to make; it must not exist yet")

    def handle(self, *_arguments: Any, file: Path, **_options: Any) -> None:
        """Copy, and say what is in the copy."""
        if connection.vendor != "sqlite":
            raise CommandError('The database is PostgreSQL: use pg_dump --format=custom --file=FILE "$DATABASE_URL".')
        try:
            count = back_up_sqlite(str(connection.settings_dict["NAME"]), file)
        except FileExistsError:
            raise CommandError(f"{file} exists already. Name a file that does not.") from None
        except (OSError, sqlite3.Error) as error:
            raise CommandError(
                f"The copy failed ({error}). Nothing was left behind; the database is unharmed."
            ) from None
        self.stdout.write(f"Saved as {file}. {count} queued task(s) are cancelled in the copy.")
