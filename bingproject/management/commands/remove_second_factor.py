"""`manage.py remove_second_factor NAME`: for an operator who has lost theirs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bingproject.security import second_factor


class Command(BaseCommand):
    """Takes an operator's second factor away; the password alone logs them in until they set up another."""

    help = "Take an operator's second factor away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The operator's name."""
        parser.add_argument("name", help="the operator's name")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Remove it, and say whether there was one."""
        user = second_factor.find_operator(options["name"])
        if user is None:
            raise CommandError(f"There is no operator {options['name']}.")
        removed = second_factor.remove_of(user)
        self.stdout.write("The second factor is removed." if removed else f"{user} has no second factor.")
