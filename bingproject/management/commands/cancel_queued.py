"""`manage.py cancel_queued`: after a database was restored, before the first worker starts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from bingproject.cluster.database_identity import verify_installation
from creator.services import cancel_queued


class Command(BaseCommand):
    """Cancel every task that waits in the queue."""

    help = (
        "Cancel every picture and video that waits in the queue. For a database that was restored from a backup: what "
        "was sent to Bing since the backup looks unsent in it, and a worker would send it again."
    )

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Cancel, and say how many."""
        verify_installation()
        count = cancel_queued(timezone.now())
        self.stdout.write(f"{count} queued {'task is' if count == 1 else 'tasks are'} cancelled. Start the worker now.")
