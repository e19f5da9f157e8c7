"""What is decided about accounts, callers and keys: what an answer of Bing's says of an account, who may call."""

from accounts.services.callers import (
    Caller,
    add_whitelisted_user,
    find_api_key,
    find_whitelisted_user,
    issue_api_key,
    list_whitelisted_users,
    remove_whitelisted_user,
    revoke_api_key,
    revoke_api_keys,
)
from accounts.services.checks import (
    check_account,
    check_all_accounts,
    check_wanted_accounts,
    ensure_default_account,
    needs_check,
    recheck_expired,
    renew_session,
    request_check,
    rotate_cookies,
)
from accounts.services.credentials import fresh_token
from accounts.services.outcomes import (
    clear_cooldowns,
    mark_success,
    settle,
)

__all__ = [
    "Caller",
    "add_whitelisted_user",
    "check_account",
    "check_all_accounts",
    "check_wanted_accounts",
    "clear_cooldowns",
    "ensure_default_account",
    "find_api_key",
    "find_whitelisted_user",
    "fresh_token",
    "issue_api_key",
    "list_whitelisted_users",
    "mark_success",
    "needs_check",
    "recheck_expired",
    "remove_whitelisted_user",
    "renew_session",
    "request_check",
    "revoke_api_key",
    "revoke_api_keys",
    "rotate_cookies",
    "settle",
]
