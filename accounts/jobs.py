"""Jobs for the queue: each calls one service and returns one short line, which the admin shows."""

from __future__ import annotations

from collections import Counter

from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts.callers import limits
from accounts.microsoft import services
from accounts.uploads import prune_uploads as prune_pending_uploads


def check_account(account_id: int) -> str:
    """Check one account for an operator."""
    account = async_to_sync(services.check_account)(account_id)
    return account.last_error or account.state


def check_accounts() -> str:
    """Check all accounts in use."""
    return _line(async_to_sync(services.check_all_accounts)())


def check_asked_accounts() -> str:
    """Check the accounts for which an operator asked together."""
    return _line(async_to_sync(services.check_wanted_accounts)(patience_seconds=0))


def check_wanted_accounts() -> str:
    """Check accounts whose check was lost with a machine's queue."""
    return _line(async_to_sync(services.check_wanted_accounts)())


def prune_counters() -> str:
    """Delete counters of past days and minutes."""
    return f"{limits.prune_counters(timezone.now())} counters pruned"


def prune_uploads() -> str:
    """Delete expired uploads."""
    return f"{prune_pending_uploads(timezone.now())} uploads forgotten"


def renew_tokens() -> str:
    """Renew tokens before they expire."""
    return _line(async_to_sync(services.renew_tokens)())


def _line(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no account"
