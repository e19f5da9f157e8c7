"""Decide about accounts: their checks, credentials and availability, and what a result means for an account."""

from accounts.microsoft.services.alerts import find_alert_causes
from accounts.microsoft.services.boosts import note_boosts
from accounts.microsoft.services.capability_checks import CheckContext, Finding, read_loads
from accounts.microsoft.services.checks import (
    check_account,
    check_all_accounts,
    check_wanted_accounts,
    count_unfinished_checks,
    give_credentials,
    needs_check,
    recheck_expired,
    renew_session,
    request_check,
    request_checks,
    rotate_cookies,
)
from accounts.microsoft.services.credentials import NoTokenError, fresh_token, renew_tokens
from accounts.microsoft.services.default_account import ensure_default_account
from accounts.microsoft.services.outcomes import apply_error, clear_cooldowns, mark_success

__all__ = [
    "CheckContext",
    "Finding",
    "NoTokenError",
    "apply_error",
    "check_account",
    "check_all_accounts",
    "check_wanted_accounts",
    "clear_cooldowns",
    "count_unfinished_checks",
    "ensure_default_account",
    "find_alert_causes",
    "fresh_token",
    "give_credentials",
    "mark_success",
    "needs_check",
    "note_boosts",
    "read_loads",
    "recheck_expired",
    "renew_session",
    "renew_tokens",
    "request_check",
    "request_checks",
    "rotate_cookies",
]
