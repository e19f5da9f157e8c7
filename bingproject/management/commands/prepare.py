"""`manage.py prepare`: what `serve` does before it serves, as a step of its own for parts that run apart."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from bingproject.cluster.database_identity import verify_installation
from bingproject.management.commands.serve import ensure_account
from bingproject.server import bootstrap


class Command(BaseCommand):
    """Tables, the first operator, the account of BING_COOKIE_U; run again, it changes only what has changed."""

    help = "Bring the tables up to date, and do what ADMIN_PASSWORD_FILE and BING_COOKIE_U ask for, before parts start."
    requires_system_checks = ["bingproject"]  # noqa: RUF012 - Django declares it as an instance attribute

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Prepare, and end."""
        bootstrap.migrate(always=True)
        self.stdout.write("Tables are up to date.")
        verify_installation()
        # No random password here: what this prints is collected as a log, and read by more than the operator.
        if settings.ADMIN_PASSWORD_FILE:
            bootstrap.ensure_operator()
        ensure_account()
