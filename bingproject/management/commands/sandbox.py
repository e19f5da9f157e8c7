"""`manage.py sandbox`: the stand-in for Bing's servers, for the demo, tests and benchmarks."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bingproject.sandbox.options import add_arguments, options_from
from bingproject.sandbox.server import run


class Command(BaseCommand):
    """Serve the sandbox until SIGTERM or SIGINT."""

    help = "Serve a stand-in for Bing's servers: no Microsoft account is needed, no picture is Bing's."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it as an instance attribute

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the same arguments as `python -m bingproject.sandbox`."""
        add_arguments(parser)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Serve."""
        self.stdout.write(f"sandbox on http://{options['host']}:{options['port']} (not Bing)")
        with contextlib.suppress(KeyboardInterrupt):
            run(options_from(Namespace(**options)), options["host"], options["port"])
