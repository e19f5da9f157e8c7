"""`manage.py import_accounts FILE`: add and change many accounts from a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from accounts.admin.account_table import COLUMNS, Plan, format_faults, plan_import, write_plan
from accounts.admin.tables import UnreadableFileError
from bingproject.cluster.database_identity import verify_installation

WRONG = "Nothing was imported: {count} of {total} rows are wrong."


class Command(BaseCommand):
    """Import all accounts of a table, or none, without printing a secret."""

    help = (
        "Add and change accounts from a table (separated by commas, semicolons or tabs). The first line names the "
        f"columns: {COLUMNS[0]}, and any of {', '.join(COLUMNS[1:])}. All rows are imported, or none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument("file", metavar="FILE", help="the table, or - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")

    def handle(self, *_arguments: Any, file: str, dry_run: bool, **_options: Any) -> None:
        """Print the faults, or the changes, and import."""
        # With other seal keys than the server's, it would encrypt what the server cannot decrypt.
        verify_installation(will_encrypt=not dry_run)
        try:
            plan = plan_import(_read(file))
        except UnreadableFileError as error:
            raise CommandError(str(error)) from error
        for row in plan.wrong:
            self.stderr.write(f"line {row.line}, {row.name or 'no name'}: {format_faults(row)}")
        if plan.wrong:
            raise CommandError(WRONG.format(count=len(plan.wrong), total=len(plan.rows)))
        self._say(plan)
        if dry_run:
            self.stdout.write("Nothing was changed.")
            return
        try:
            write_plan(plan, timezone.now())
        except IntegrityError as error:
            raise CommandError(
                "An account has changed in the meantime, so nothing was imported. Run it again."
            ) from error
        counts = plan.counts
        self.stdout.write(f"{counts['new']} new, {counts['changed']} changed, {counts['unchanged']} unchanged.")

    def _say(self, plan: Plan) -> None:
        for row in plan.changing:
            self.stdout.write(f"{row.name}\t{row.outcome}\t{'; '.join(row.changes)}")


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
