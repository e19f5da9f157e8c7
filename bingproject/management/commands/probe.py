"""`manage.py probe`: what the real services answer now, step by step, with secrets masked."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.models import Account, AccountCapability
from bingproject.cluster.database_identity import verify_installation
from bingproject.errors import ServiceError
from bingproject.upstream.recording import Transcript

Probe = Callable[[Account, str, Transcript], Awaitable[None]]
MakingProbe = Callable[[Account, str, Transcript, float], Awaitable[None]]
USUAL_MINUTES, MOST_MINUTES = 10, 24 * 60


class Command(BaseCommand):
    """Probe each enabled account, or one; each thing that it can do, or one."""

    help = (
        "One honest turn with each chat back end and a look at the pages of pictures and videos, as each account; with "
        "--spend a picture and a video are really made. Turns and what is made count against the account. What was "
        "seen is saved with secrets masked, for a bug report."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --account, --capability, --spend and --minutes."""
        parser.add_argument("--account", metavar="NAME", default="", help="this account only")
        parser.add_argument("--capability", choices=sorted(settings.PROBES), help="this capability only")
        parser.add_argument(
            "--spend",
            action="store_true",
            help="really make one picture and one video with each account, at the speed that spends no boost",
        )
        parser.add_argument(
            "--minutes",
            type=int,
            default=USUAL_MINUTES,
            help=f"how long each of them is waited for ({USUAL_MINUTES}); a video is proved once Bing has taken it",
        )

    def handle(
        self, *_arguments: Any, account: str, capability: str | None, spend: bool, minutes: int, **_options: Any
    ) -> None:
        """Probe, save, and fail if one failed."""
        if not 1 <= minutes <= MOST_MINUTES:
            raise CommandError(f"--minutes must be a whole number from 1 to {MOST_MINUTES}.")
        verify_installation()
        found = _choose(account, capability)
        transcript = Transcript(self.stdout.write)
        failed_count = 0
        try:
            for row in found:
                failed_count += not _probe(row, transcript, minutes * 60 if spend else None)
            if not spend and any(row.capability in settings.MAKING_PROBES for row in found):
                transcript.note("Nothing was made: with --spend one picture and one video of each account would be.")
        finally:
            # Also when somebody has seen enough and interrupts.
            path = _save(transcript)
            self.stdout.write(f"Saved without secrets: {path}. Read it before you hand it on: it holds the answers.")
        if failed_count:
            raise CommandError(f"{failed_count} of {len(found)} failed: see above, and docs/wire.")


def _choose(name: str, capability: str | None) -> list[AccountCapability]:
    """What is probed. Raises: CommandError, which says why there is nothing."""
    rows = AccountCapability.objects.filter(limit__gt=0, account__is_enabled=True)
    rows = rows.filter(account__name=name) if name else rows
    rows = rows.filter(capability=capability) if capability else rows
    found = list(rows.select_related("account").order_by("account__name", "pk"))
    if found:
        return found
    if not name:
        raise CommandError("No account can be probed so. The admin lists them under Accounts.")
    account = Account.objects.filter(name=name).first()
    if account is None:
        raise CommandError(f"There is no account {name!r}. The admin lists them under Accounts.")
    if not account.is_enabled:
        raise CommandError(f"The account {name!r} is disabled. Enable it in the admin, under Accounts, to probe it.")
    can_do = list(account.capabilities.values_list("capability", flat=True))
    if capability and capability not in can_do:
        kind = account.get_kind_display()
        raise CommandError(f"{name!r} is an account of {kind}: it has no {capability!r}, only {', '.join(can_do)}.")
    raise CommandError(f"This is switched off for {name!r}: its limit is 0. The admin has it, under Accounts.")


def _probe(row: AccountCapability, transcript: Transcript, seconds: float | None) -> bool:
    """Whether it came to a good end; a bug of ours in one takes nothing from the others."""
    account = row.account
    transcript.note(f"--- {account.name}: {row.get_capability_display()} ---")
    try:
        account.refresh_from_db()  # the probe before this one may have changed its session, or its state
        _hide(account, transcript)
        if seconds is not None and row.capability in settings.MAKING_PROBES:
            make: MakingProbe = import_string(settings.MAKING_PROBES[row.capability])
            async_to_sync(make)(account, row.capability, transcript, seconds)
        else:
            probe: Probe = import_string(settings.PROBES[row.capability])
            async_to_sync(probe)(account, row.capability, transcript)
    except ServiceError as error:
        transcript.note(f"Failed: {error.code}. {error.message} {error.detail}".strip())
        return False
    except Exception as error:
        transcript.note(f"Failed by a bug of this server: {type(error).__name__}. The file has where.")
        transcript.record(traceback.format_exc())
        return False
    transcript.note("Works.")
    return True


def _hide(account: Account, transcript: Transcript) -> None:
    """All that the account holds; the probes hide what comes in addition."""
    transcript.hide(account.token, account.proxy, urlsplit(account.proxy).password or "")
    transcript.hide(account.object_id, account.tenant_id, *account.cookies.values(), *account.jar.values())


def _save(transcript: Transcript) -> Path:
    path = Path(settings.DATA_DIR) / f"probe-{timezone.now():%Y%m%d-%H%M%S}.txt"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(transcript.text, encoding="utf-8")
    return path
