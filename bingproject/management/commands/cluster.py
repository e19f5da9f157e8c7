"""`manage.py cluster`: the workers of one machine; the stock `qcluster` hangs for ever after some kills."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from bingproject.cluster._compat_django_q import DrainCluster
from bingproject.cluster.database_identity import verify_installation
from bingproject.server.log_keeping import keep_given_log


class Command(BaseCommand):
    """Work this machine's queue until SIGTERM or SIGINT; an exit code above 0 asks to be started again."""

    help = "Run the workers of this machine. Signal this process only; start it again whenever it exits with an error."
    requires_system_checks = ["bingproject"]  # noqa: RUF012 - Django declares it as an instance attribute

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Run the cluster in this process."""
        keep_given_log()
        verify_installation()
        sys.exit(DrainCluster().run())
