"""`manage.py whitelist add|set|remove|list`: the users of this server, their expiry and their limits."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.callers import services as caller_services
from accounts.callers import validation
from accounts.models import WhitelistedUser
from bingproject.errors import ServiceError

DAILY = ("images", "videos", "chats")
NONE = "none"


class Command(BaseCommand):
    """Add, change, remove or list users."""

    help = (
        "Add users (add), change their expiry and limits (set), deactivate them and revoke their keys (remove), or "
        "list all (list)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options; a missing limit stays as it is, so it has no default."""
        parser.add_argument("action", choices=("add", "set", "remove", "list"))
        parser.add_argument("users", nargs="*", metavar="USER")
        for noun in DAILY:
            text = f"{noun} per UTC day; 0 allows none, {NONE} is no limit"
            parser.add_argument(
                f"--daily-{noun}", type=number_or_none, default=argparse.SUPPRESS, metavar="N", help=text
            )
        text = f"e.g. 2027-01-31 or 2027-01-31T18:00, UTC; {NONE} is never"
        parser.add_argument("--expires", default="", metavar="WHEN", help=text)

    def handle(self, *_arguments: Any, action: str, users: list[str], **options: Any) -> None:
        """Change all users, or none, and print one line per user."""
        if action == "list":
            for user in caller_services.list_whitelisted_users():
                self.stdout.write(describe(user))
            return
        if not users:
            raise CommandError(f"Name at least one user: manage.py whitelist {action} USER…")
        limits = {f"daily_{noun}": options[f"daily_{noun}"] for noun in DAILY if f"daily_{noun}" in options}
        if action == "remove" and (limits or options["expires"]):
            raise CommandError("Limits and an expiry go with add and set, not with remove.")
        try:
            with transaction.atomic():
                lines = [ACTIONS[action](user_id, limits, options["expires"]) for user_id in users]
        except ServiceError as error:
            raise CommandError(f"{error.param}: {error.message}" if error.param else error.message) from error
        for line in lines:
            self.stdout.write(line)


def add(user_id: str, limits: dict[str, int | None], expires: str) -> str:
    """Add a user, and set the given limits."""
    user = caller_services.add_whitelisted_user(user_id)
    set_terms(user.user_id, limits, expires)
    return f"{user.user_id} may use this server."


def set_terms(user_id: str, limits: dict[str, int | None], expires: str) -> str:
    """Change the given limits and the expiry; the others stay."""
    user = caller_services.limit_whitelisted_user(user_id, limits)
    if expires:
        moment: datetime | None = None if expires == NONE else validation.parse_moment(expires)
        user = caller_services.expire_whitelisted_user(user_id, moment, timezone.now())
    return describe(user)


def remove(user_id: str, _limits: dict[str, int | None], _expires: str) -> str:
    """Deactivate a user and revoke all their keys."""
    user = caller_services.remove_whitelisted_user(user_id, timezone.now())
    return f"{user.user_id} may not use this server any more; all keys are revoked."


ACTIONS: dict[str, Callable[[str, dict[str, int | None], str], str]] = {"add": add, "set": set_terms, "remove": remove}


def describe(user: WhitelistedUser) -> str:
    """Return id, state, limits and expiry, separated by tabs."""
    state = "active" if user.is_let_in(timezone.now()) else "expired" if user.is_active else "inactive"
    terms = [f"{noun}={limit}" for noun in DAILY if (limit := getattr(user, f"daily_{noun}")) is not None]
    if user.expires_at is not None:
        terms.append(f"expires={user.expires_at:%Y-%m-%dT%H:%MZ}")
    return "\t".join((user.user_id, state, *terms))


def number_or_none(text: str) -> int | None:
    """Return a whole number, or None for `none`."""
    return None if text == NONE else int(text)
