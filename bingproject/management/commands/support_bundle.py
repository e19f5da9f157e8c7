"""`manage.py support_bundle`: one archive for a bug report, without secrets and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from bingproject.server.support_bundle import LEFT_OUT, UNMASKED, build_members, write_archive


class Command(BaseCommand):
    """Save versions, settings, counts, the last probe and the log; works while the database is down."""

    help = (
        "Save one ZIP file to attach to a bug report: versions, settings (secrets masked), counts by state, what the "
        "last probe saw, and the server's log. Names, addresses, cookies and keys are taken out."
    )
    # A contradiction in the settings may be what the report is about.
    requires_system_checks = []  # noqa: RUF012 - Django declares it as an instance attribute

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --output and --unmasked-names."""
        parser.add_argument("--output", type=Path, metavar="PATH", help="the file to make (in DATA_DIR if not given)")

        parser.add_argument(
            "--unmasked-names",
            action="store_true",
            help="while the database is down, include log and probe although names in them cannot be masked",
        )

    def handle(self, *_arguments: Any, output: Path | None, unmasked_names: bool, **_options: Any) -> None:
        """Build, save, and list what is in it."""
        now = timezone.now()
        path = output or Path(settings.DATA_DIR) / f"support-{now:%Y%m%d-%H%M%S}.zip"
        members = build_members(now, unmasked_names=unmasked_names)
        try:
            size = write_archive(members, path)
        except FileExistsError:
            raise CommandError(f"{path} exists already. Name a file that does not.") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written ({error.strerror}).") from None
        self.stdout.write(f"Saved {path} ({size:,} bytes). Look through it before you attach it to an issue:")
        for name in members:
            self.stdout.write(f"  {name}")
        for warning in (LEFT_OUT, UNMASKED):
            if any(text.startswith(warning) for text in members.values()):
                self.stderr.write(f"Log and probe: {warning.strip()}")
