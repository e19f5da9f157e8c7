"""Whether pictures can be made now: what `GET /health` and the home page say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Account, AccountCapability, AccountState
from creator.models import Kind, Task
from creator.services.claims import has_live_runner


@dataclass(frozen=True, slots=True)
class Condition:
    """What a picture needs: an account that is switched on, one that is signed in and not resting, a worker."""

    has_account: bool
    has_session: bool
    has_worker: bool
    unfinished_count: int

    @property
    def is_ready(self) -> bool:
        """Whether a picture would be made at once; an account that was never looked at yet counts."""
        return self.has_account and self.has_worker


def read_condition(now: datetime) -> Condition:
    """The condition as the rows tell it; Bing is not asked."""
    return Condition(
        has_account=Account.objects.filter(is_enabled=True).exclude(sealed_cookies="").exists(),
        has_session=any(
            AccountCapability.objects.usable(kind, now).filter(account__state=AccountState.OK).exists()
            for kind in Kind.values
        ),
        has_worker=has_live_runner(),
        unfinished_count=Task.objects.unfinished().count(),
    )
