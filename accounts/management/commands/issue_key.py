"""`manage.py issue_key USER`: a new API key, printed once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from bingproject.errors import ServiceError


class Command(BaseCommand):
    """Issue a key; only the key goes to standard output, so that it can be piped."""

    help = "Issue an API key for a whitelisted user. It is printed once; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose key it is."""
        parser.add_argument("user", metavar="USER")

    def handle(self, *_arguments: Any, user: str, **_options: Any) -> None:
        """Issue it."""
        try:
            _, text = services.issue_api_key(user)
        except ServiceError as error:
            hint = "Let them in first: manage.py whitelist add USER."
            raise CommandError(f"{error.message} {hint}") from error
        self.stderr.write(f"API key of {user.strip()}, shown this once:")
        self.stdout.write(text)
