"""Find what operators should be alerted to: accounts that need them, now or soon, and work that no account can do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings

from accounts.microsoft.providers import PROVIDERS
from accounts.microsoft.services.availability import accounts_in_service
from accounts.microsoft.services.needs_action import ending_accounts
from accounts.models import Account, AccountCapability, AccountState, Capability
from bingproject.alerts.causes import Cause

_SUMMARIES = {
    AccountState.CHALLENGED: "{service} asks for a human check of the account",
    AccountState.EXPIRED: "{service} reports no sign-in for the account",
    AccountState.BLOCKED: "Microsoft has blocked the account",
}
_INSTRUCTIONS = {
    AccountState.CHALLENGED: "Sign in at {site} with it, pass the check, and paste its {secrets} in the admin.",
    AccountState.EXPIRED: "Sign in at {site} with it in a browser, and paste its {secrets} in the admin.",
    AccountState.BLOCKED: "Sign in at account.microsoft.com with it and do what Microsoft asks for there.",
}
_WORK = {Capability(terms.name): terms.work for provider in PROVIDERS.values() for terms in provider.capabilities}


def find_alert_causes(now: datetime) -> Iterator[Cause]:
    """Yield a cause for each account that needs an operator, each token that soon expires, and work without accounts.

    One thing to do is one cause: if the only account for some work needs an operator, its cause names the work.
    """
    left = {capability: _account_ids(capability) for capability in _WORK if _is_left_without(capability, now)}
    for account in accounts_in_service().filter(state__in=_SUMMARIES).order_by("pk"):
        alone = [capability for capability, accounts in left.items() if accounts == {account.pk}]
        summary, what_to_do = _describe_state(account)
        if alone:
            summary += f" No other account is left for {_join_names(alone)}."
        for capability in alone:
            del left[capability]
        # The state is part of the name, so that a change from expired to blocked is a new alert.
        yield Cause(f"account {account.pk} {account.state}", summary, what_to_do)
    for account in ending_accounts(now):
        # The end is part of the name, so that each token gets its own alert.
        end = f"{account.token_expires_at:%Y-%m-%d %H:%M}"
        yield Cause(f"account {account.pk} token ends {end}", *_describe_token_end(account))
    if left:
        yield Cause(
            f"no account for {', '.join(left)}",
            f"No account is left for {_join_names(left)}: each of them needs an operator or has a cooldown of more "
            f"than {settings.ALERT_QUEUE_MINUTES} minutes.",
            "Look at Accounts in the admin: each says what it needs. Or add another account.",
        )


def _join_names(capabilities: Iterable[str]) -> str:
    """`pictures, videos and chat with Bing`."""
    *first, last = (_WORK[Capability(capability)] for capability in capabilities)
    return f"{', '.join(first)} and {last}" if first else last


def _account_ids(capability: str) -> set[int]:
    return set(AccountCapability.objects.of_enabled(capability).values_list("account_id", flat=True))


def _template_values(account: Account) -> dict[str, str]:
    """Return the values for the templates above."""
    provider = account.provider
    return {"service": provider.name, "site": provider.site, "secrets": provider.secrets}


def _describe_state(account: Account) -> tuple[str, str]:
    """Return the summary of the account's trouble, and what to do."""
    if what := " and ".join(account.undecryptable):
        return (
            f"No key in SEAL_KEYS decrypts the {what} of the account “{account.name}”.",
            f"Put the key that encrypted them back at the end of SEAL_KEYS, or enter its {what} again in the admin.",
        )
    state, place = AccountState(account.state), _template_values(account)
    return f"{_SUMMARIES[state].format_map(place)} “{account.name}”.", _INSTRUCTIONS[state].format_map(place)


def _describe_token_end(account: Account) -> tuple[str, str]:
    """Return the summary for a token that soon expires, and what to do."""
    place = _template_values(account)
    return (
        f"The token of “{account.name}” expires soon, at {account.token_expires_at:%H:%M} UTC.",
        _INSTRUCTIONS[AccountState.EXPIRED].format_map(place) + " A token command would renew it by itself.",
    )


def _is_left_without(capability: str, now: datetime) -> bool:
    """True if there are accounts for the capability and none can work within ALERT_QUEUE_MINUTES.

    Without any account there is no alert: the operator has set it up like that.
    """
    soon = now + timedelta(minutes=settings.ALERT_QUEUE_MINUTES)
    rows = AccountCapability.objects.of_enabled(capability)
    return rows.exists() and not AccountCapability.objects.usable(capability, soon).exists()
