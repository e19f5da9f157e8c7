"""The queue's front doors: each calls one service and returns one short line for the admin."""

from __future__ import annotations

from collections import Counter

from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts import limits, services
from accounts.services.uploads import prune_uploads as prune_pending_uploads


def check_account(account_id: int) -> str:
    """Look at one account, since an operator asked for it."""
    account = async_to_sync(services.check_account)(account_id)
    return account.last_error or account.state


def check_accounts() -> str:
    """Look at every account in use."""
    return _line(async_to_sync(services.check_all_accounts)())


def check_asked_accounts() -> str:
    """Look at the accounts that an operator asked for together."""
    return _line(async_to_sync(services.check_wanted_accounts)(patience_seconds=0))


def check_wanted_accounts() -> str:
    """Look at the accounts whose check got lost with a machine's queue."""
    return _line(async_to_sync(services.check_wanted_accounts)())


def prune_counters() -> str:
    """Delete counters of days and minutes that are over."""
    return f"{limits.prune_counters(timezone.now())} counters pruned"


def prune_uploads() -> str:
    """Forget uploaded files that nobody came back for."""
    return f"{prune_pending_uploads(timezone.now())} uploads forgotten"


def renew_tokens() -> str:
    """Ask for new tokens before the old ones end."""
    return _line(async_to_sync(services.renew_tokens)())


def _line(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no account"
