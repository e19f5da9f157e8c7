"""`manage.py sandbox`: the stand-in for Bing's servers, for the demo, tests and benchmarks."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bingproject.sandbox.core.options import add_arguments, options_from
from bingproject.sandbox.providers import DEFAULTS, PROVIDER_OPTIONS
from bingproject.sandbox.server import run


class Command(BaseCommand):
    """Serve the sandbox until SIGTERM or SIGINT."""

    help = "Serve a stand-in for Bing's servers: no Microsoft account is needed, no picture is Bing's."
    # It has nothing to do with the project's settings and has to start in any of its modes.
    requires_system_checks = ()
    stealth_options = ("listener",)  # a socket that listens already: `serve` keeps it over restarts of the sandbox

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the arguments of `python -m bingproject.sandbox`; the port follows PORT, as it does under `serve`."""
        add_arguments(parser, PROVIDER_OPTIONS)
        parser.set_defaults(port=settings.SANDBOX_PORT)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Serve."""
        try:
            run(
                options_from(Namespace(**options), DEFAULTS),
                options["host"],
                options["port"],
                self._say,
                options.get("listener"),
            )
        except OSError as error:
            raise CommandError(f"port {options['port']}: {error.strerror}") from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
