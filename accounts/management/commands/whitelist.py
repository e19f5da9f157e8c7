"""`manage.py whitelist add|remove|list`: who may use this server."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import services
from bingproject.errors import ServiceError


class Command(BaseCommand):
    """Let users in, keep them out, or show who is in."""

    help = "Let users in (add), keep them out and revoke their keys (remove), or show all (list)."

    def add_arguments(self, parser: CommandParser) -> None:
        """One of three words, then the users."""
        parser.add_argument("word", choices=("add", "remove", "list"))
        parser.add_argument("users", nargs="*", metavar="USER")

    def handle(self, *_arguments: Any, word: str, users: list[str], **_options: Any) -> None:
        """Do it, one line for each user."""
        if word == "list":
            for user in services.list_whitelisted_users():
                self.stdout.write(f"{user.user_id}\t{'active' if user.is_active else 'inactive'}")
            return
        if not users:
            raise CommandError(f"Name at least one user: manage.py whitelist {word} USER…")
        for user_id in users:
            try:
                self._apply(word, user_id)
            except ServiceError as error:
                raise CommandError(error.message) from error

    def _apply(self, word: str, user_id: str) -> None:
        if word == "add":
            self.stdout.write(f"{services.add_whitelisted_user(user_id).user_id} may use this server.")
        else:
            user = services.remove_whitelisted_user(user_id, timezone.now())
            self.stdout.write(f"{user.user_id} may not use this server any more; all keys are revoked.")
