"""What of the accounts an operator should know of: one that needs a human, or soon will; work that none is left for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from accounts.models import USABLE_STATES, Account, AccountCapability, AccountKind, AccountState, Capability
from accounts.services.attention import ending_accounts
from bingproject.alerts import Cause

_SAID = {
    AccountState.CHALLENGED: "{service} wants a human for the account",
    AccountState.EXPIRED: "{service} shows somebody not signed in for the account",
    AccountState.BLOCKED: "Microsoft has blocked the account",
}
_DO = {
    AccountState.CHALLENGED: "Sign in at {site} with it, pass what is asked for, paste its {secrets} in the admin.",
    AccountState.EXPIRED: "Sign in at {site} with it in a browser, and paste its {secrets} in the admin.",
    AccountState.BLOCKED: "Sign in at account.microsoft.com with it and see what Microsoft wants.",
}
_PLACES = {
    AccountKind.BING: {"service": "Bing", "site": "bing.com", "secrets": "cookies"},
    AccountKind.COPILOT: {"service": "Copilot", "site": "copilot.microsoft.com", "secrets": "token and cookies"},
    AccountKind.M365: {"service": "Microsoft 365", "site": "m365.cloud.microsoft", "secrets": "token"},
}
_WORK = {
    Capability.IMAGE: "No account is left for pictures",
    Capability.VIDEO: "No account is left for videos",
    Capability.CHAT: "No account is left for chat with Bing",
    Capability.COPILOT: "No account is left for chat with Copilot",
    Capability.M365: "No account is left for chat with Microsoft 365",
}


def find_alert_causes(now: datetime) -> Iterator[Cause]:
    """Accounts in use that need somebody, tokens that end soon, and work that no account will take for long."""
    in_use = Account.objects.filter(is_enabled=True, state__in=_SAID)
    in_use = in_use.exclude(sealed_cookies="", sealed_token="", token_command="")
    for account in in_use.order_by("pk"):
        # The state is part of the name: from expired to blocked is another matter.
        yield Cause(f"account {account.pk} {account.state}", *_tell_state(account))
    for account in ending_accounts(now):
        # The end is part of the name: the next token is another matter, however soon after this one.
        yield Cause(f"account {account.pk} token ends {account.token_expires_at:%Y-%m-%d %H:%M}", *_tell_end(account))
    for capability, summary in _WORK.items():
        if _is_left_without(capability, now):
            yield Cause(
                f"no account for {capability}",
                f"{summary}: all of them need somebody, or rest for more than {settings.ALERT_QUEUE_MINUTES} minutes.",
                "Look at Accounts in the admin: each says what it needs. Or add another account.",
            )


def _tell_state(account: Account) -> tuple[str, str]:
    """What is the matter with it, and what to do."""
    if what := " and ".join(account.unopened):
        return (
            f"No key in SEAL_KEYS opens the {what} of the account {account.name}.",
            f"Put the key that sealed them back at the end of SEAL_KEYS, or give its {what} anew in the admin.",
        )
    state, place = AccountState(account.state), _PLACES[AccountKind(account.kind)]
    return f"{_SAID[state].format_map(place)} {account.name}.", _DO[state].format_map(place)


def _tell_end(account: Account) -> tuple[str, str]:
    """That its token ends soon, and how to have another in time."""
    place = _PLACES[AccountKind(account.kind)]
    return (
        f"The token of {account.name} ends soon, at {account.token_expires_at:%H:%M} UTC.",
        _DO[AccountState.EXPIRED].format_map(place) + " A token command would bring new ones by itself.",
    )


def _is_left_without(capability: str, now: datetime) -> bool:
    """Whether there are accounts for it and none will take work soon; none at all is an operator's own doing."""
    soon = now + timedelta(minutes=settings.ALERT_QUEUE_MINUTES)
    rows = AccountCapability.objects.of_enabled(capability)
    rested = Q(cooldown_until=None) | Q(cooldown_until__lte=soon)
    return rows.exists() and not rows.filter(rested, account__state__in=USABLE_STATES).exists()
