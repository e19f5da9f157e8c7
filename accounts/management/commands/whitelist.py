"""`manage.py whitelist add|set|remove|list`: who may use this server, until when, and how much."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import services
from accounts.models import WhitelistedUser
from bingproject.errors import ServiceError

DAILY = ("images", "videos", "chats")
NOTHING = "none"


class Command(BaseCommand):
    """Let users in, set their terms, keep them out, or show who is in."""

    help = (
        "Let users in (add), change until when and how much (set), keep them out and revoke their keys (remove), "
        "or show all (list)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One of four words, the users, and their terms."""
        parser.add_argument("word", choices=("add", "set", "remove", "list"))
        parser.add_argument("users", nargs="*", metavar="USER")
        for noun in DAILY:
            text = f"{noun} a UTC day; 0 is not one, {NOTHING} is no limit"
            parser.add_argument(
                f"--daily-{noun}", type=number_or_none, default=argparse.SUPPRESS, metavar="N", help=text
            )
        text = f"e.g. 2027-01-31 or 2027-01-31T18:00, UTC; {NOTHING} is never"
        parser.add_argument("--expires", default="", metavar="WHEN", help=text)

    def handle(self, *_arguments: Any, word: str, users: list[str], **options: Any) -> None:
        """Do it, one line for each user."""
        if word == "list":
            for user in services.list_whitelisted_users():
                self.stdout.write(describe(user))
            return
        if not users:
            raise CommandError(f"Name at least one user: manage.py whitelist {word} USER…")
        limits = {f"daily_{noun}": options[f"daily_{noun}"] for noun in DAILY if f"daily_{noun}" in options}
        if word == "remove" and (limits or options["expires"]):
            raise CommandError("Terms are for add and set: whoever is removed has none.")
        try:
            with transaction.atomic():
                lines = [WORDS[word](user_id, limits, options["expires"]) for user_id in users]
        except ServiceError as error:
            raise CommandError(f"{error.param}: {error.message}" if error.param else error.message) from error
        for line in lines:
            self.stdout.write(line)


def add(user_id: str, limits: dict[str, int | None], expires: str) -> str:
    """Let them in."""
    user = services.add_whitelisted_user(user_id)
    set_terms(user.user_id, limits, expires)
    return f"{user.user_id} may use this server."


def set_terms(user_id: str, limits: dict[str, int | None], expires: str) -> str:
    """Change what is named and nothing else."""
    user = services.limit_whitelisted_user(user_id, limits)
    if expires:
        moment: datetime | None = None if expires == NOTHING else services.parse_moment(expires)
        user = services.expire_whitelisted_user(user_id, moment, timezone.now())
    return describe(user)


def remove(user_id: str, _limits: dict[str, int | None], _expires: str) -> str:
    """Keep them out."""
    user = services.remove_whitelisted_user(user_id, timezone.now())
    return f"{user.user_id} may not use this server any more; all keys are revoked."


WORDS: dict[str, Callable[[str, dict[str, int | None], str], str]] = {"add": add, "set": set_terms, "remove": remove}


def describe(user: WhitelistedUser) -> str:
    """Id and state, then the terms that there are, with tabs between."""
    state = "active" if user.is_let_in(timezone.now()) else "expired" if user.is_active else "inactive"
    terms = [f"{noun}={limit}" for noun in DAILY if (limit := getattr(user, f"daily_{noun}")) is not None]
    if user.expires_at is not None:
        terms.append(f"expires={user.expires_at:%Y-%m-%dT%H:%MZ}")
    return "\t".join((user.user_id, state, *terms))


def number_or_none(text: str) -> int | None:
    """A whole number, or the word for no limit."""
    return None if text == NOTHING else int(text)
