"""Readiness of the creator, as `GET /health` and the home page show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Account, AccountCapability, AccountState
from creator.models import Kind, Task
from creator.services.claims import has_live_runner


@dataclass(frozen=True, slots=True)
class CreatorStatus:
    """What a picture needs.

    Attributes:
        has_account: An account is enabled and has cookies.
        has_session: An account is signed in and not in a cooldown.
        has_worker: A runner is alive, on any machine.
        unfinished_count: Tasks that are queued or at Bing.
    """

    has_account: bool
    has_session: bool
    has_worker: bool
    unfinished_count: int

    @property
    def is_ready(self) -> bool:
        """True if a picture can be made now; an account that was never checked counts."""
        return self.has_account and self.has_worker


def read_status(now: datetime) -> CreatorStatus:
    """Read the status from the database; Bing is not asked."""
    return CreatorStatus(
        has_account=Account.objects.filter(is_enabled=True).exclude(encrypted_cookies="").exists(),
        has_session=any(
            AccountCapability.objects.usable(kind, now).filter(account__state=AccountState.OK).exists()
            for kind in Kind.values
        ),
        has_worker=has_live_runner(),
        unfinished_count=Task.objects.unfinished().count(),
    )
