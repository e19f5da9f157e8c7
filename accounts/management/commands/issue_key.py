"""`manage.py issue_key USER`: a new API key, printed once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.callers import services as caller_services
from accounts.callers import validation
from bingproject.errors import NotFoundError, NotWhitelistedError, ServiceError


class Command(BaseCommand):
    """Issue a key. Only the key goes to standard output, so that it can be piped."""

    help = "Issue an API key for a whitelisted user. It is printed once; only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument("user", metavar="USER")
        parser.add_argument("--label", default="", help="what it is for, e.g. phone")
        parser.add_argument(
            "--scopes",
            default="images,videos,chat",
            help="some of images,videos,chat, or read for the user's own tasks only (default: all three)",
        )
        parser.add_argument("--per-minute", type=int, metavar="N", help="requests per minute (default: no limit)")
        parser.add_argument(
            "--expires", metavar="WHEN", help="e.g. 2027-01-31 or 2027-01-31T18:00, UTC (default: never)"
        )

    def handle(self, *_arguments: Any, user: str, **options: Any) -> None:
        """Print the key, and its heading to standard error."""
        try:
            _, text = caller_services.issue_api_key(
                user,
                label=options["label"],
                scopes=options["scopes"].split(","),
                per_minute=options["per_minute"],
                expires_at=validation.parse_moment(options["expires"]) if options["expires"] else None,
            )
        except (NotFoundError, NotWhitelistedError) as error:
            hint = "Add the user first: manage.py whitelist add USER."
            raise CommandError(f"{error.message} {hint}") from error
        except ServiceError as error:
            raise CommandError(f"{error.param}: {error.message}") from error
        self.stderr.write(f"API key of {user.strip()}, shown this once:")
        self.stdout.write(text)
