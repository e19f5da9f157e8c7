"""`manage.py probe`: what the real services answer now, step by step, with secrets masked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.models import Account, AccountCapability
from bingproject.errors import ServiceError
from bingproject.transcripts import Transcript

Probe = Callable[[Account, str, Transcript], Awaitable[None]]


class Command(BaseCommand):
    """Probe each enabled account, or one; each thing that it can do, or one."""

    help = (
        "One honest turn with each chat back end and a look at the pages of pictures and videos, as each account. Chat "
        "turns count against the account. What was seen is saved with secrets masked, for a bug report."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --account and --capability."""
        parser.add_argument("--account", metavar="NAME", default="", help="this account only")
        parser.add_argument("--capability", choices=sorted(settings.PROBES), help="this capability only")

    def handle(self, *_arguments: Any, account: str, capability: str | None, **_options: Any) -> None:
        """Probe, save, and fail if one failed."""
        rows = AccountCapability.objects.filter(capability__in=[capability] if capability else settings.PROBES)
        rows = rows.filter(account__name=account) if account else rows.filter(account__is_enabled=True, limit__gt=0)
        found = list(rows.select_related("account").order_by("account__name", "pk"))
        if not found:
            raise CommandError("No account can be probed so. The admin lists them under Accounts.")
        transcript = Transcript(self.stdout.write)
        failures = [row for row in found if not _probe(row, transcript)]
        path = _save(transcript)
        self.stdout.write(f"Saved without secrets: {path}. Read it before you hand it on: it has the answers in it.")
        if failures:
            raise CommandError(f"{len(failures)} of {len(found)} failed: see above, and docs/wire.")


def _probe(row: AccountCapability, transcript: Transcript) -> bool:
    """Whether it came to a good end."""
    account, probe = row.account, import_string(settings.PROBES[row.capability])
    transcript.note(f"--- {account.name}: {row.get_capability_display()} ---")
    try:
        transcript.hide(account.token, account.proxy, account.object_id, account.tenant_id)
        transcript.hide(*account.cookies.values(), *account.jar.values())
        async_to_sync(probe)(account, row.capability, transcript)
    except ServiceError as error:
        transcript.note(f"Failed: {error.code}. {error.message} {error.detail}".strip())
        return False
    transcript.note("Works.")
    return True


def _save(transcript: Transcript) -> Path:
    path = Path(settings.DATA_DIR) / f"probe-{timezone.now():%Y%m%d-%H%M%S}.txt"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(transcript.text, encoding="utf-8")
    return path
