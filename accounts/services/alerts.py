"""What of the accounts an operator should know of: one that needs a human, a capability that nobody has any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from accounts.models import USABLE_STATES, Account, AccountCapability, AccountState, Capability
from bingproject.alerts import Cause

_SAID = {
    AccountState.CHALLENGED: "Bing wants a human for the account",
    AccountState.EXPIRED: "Bing shows somebody not signed in for the account",
    AccountState.BLOCKED: "Microsoft has blocked the account",
}
_DO = {
    AccountState.CHALLENGED: "Sign in at bing.com with it, pass what Bing asks for, paste its cookies in the admin.",
    AccountState.EXPIRED: "Sign in at bing.com with it in a browser, and paste its cookies in the admin.",
    AccountState.BLOCKED: "Sign in at account.microsoft.com with it and see what Microsoft wants.",
}
_WORK = {
    Capability.IMAGE: "No account is left for pictures",
    Capability.VIDEO: "No account is left for videos",
    Capability.CHAT: "No account is left for chat",
}


def find_alert_causes(now: datetime) -> Iterator[Cause]:
    """Accounts in use that need somebody, and capabilities whose accounts are all out of use or rest for long."""
    in_use = Account.objects.filter(is_enabled=True, state__in=_SAID).exclude(sealed_cookies="")
    for pk, name, state in in_use.order_by("pk").values_list("pk", "name", "state"):
        # The state is part of the name: from expired to blocked is another matter.
        yield Cause(f"account {pk} {state}", f"{_SAID[AccountState(state)]} {name}.", _DO[AccountState(state)])
    for capability, summary in _WORK.items():
        if _is_left_without(capability, now):
            yield Cause(
                f"no account for {capability}",
                f"{summary}: all of them need somebody, or rest for more than {settings.ALERT_QUEUE_MINUTES} minutes.",
                "Look at Accounts in the admin: each says what it needs. Or add another account.",
            )


def _is_left_without(capability: str, now: datetime) -> bool:
    """Whether there are accounts for it and none will take work soon; none at all is an operator's own doing."""
    soon = now + timedelta(minutes=settings.ALERT_QUEUE_MINUTES)
    rows = AccountCapability.objects.of_enabled(capability)
    rested = Q(cooldown_until=None) | Q(cooldown_until__lte=soon)
    return rows.exists() and not rows.filter(rested, account__state__in=USABLE_STATES).exists()
