"""What is decided about accounts, callers and keys: what an answer of Bing's says of an account, who may call."""

from accounts.services.alerts import find_alert_causes
from accounts.services.callers import (
    Caller,
    add_whitelisted_user,
    expire_whitelisted_user,
    find_api_key,
    find_whitelisted_user,
    issue_api_key,
    limit_whitelisted_user,
    list_whitelisted_users,
    remove_whitelisted_user,
    revoke_api_key,
    revoke_api_keys,
)
from accounts.services.checks import (
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
from accounts.services.credentials import NoTokenError, fresh_token, renew_tokens
from accounts.services.default_account import ensure_default_account
from accounts.services.outcomes import (
    clear_cooldowns,
    mark_success,
    settle,
)
from accounts.services.proofs import Finding, Look, read_loads
from accounts.services.terms import check_expiry, check_limit, check_scopes, check_user_id, parse_moment

__all__ = [
    "Caller",
    "Finding",
    "Look",
    "NoTokenError",
    "add_whitelisted_user",
    "check_account",
    "check_all_accounts",
    "check_expiry",
    "check_limit",
    "check_scopes",
    "check_user_id",
    "check_wanted_accounts",
    "clear_cooldowns",
    "count_unfinished_checks",
    "ensure_default_account",
    "expire_whitelisted_user",
    "find_alert_causes",
    "find_api_key",
    "find_whitelisted_user",
    "fresh_token",
    "give_credentials",
    "issue_api_key",
    "limit_whitelisted_user",
    "list_whitelisted_users",
    "mark_success",
    "needs_check",
    "parse_moment",
    "read_loads",
    "recheck_expired",
    "remove_whitelisted_user",
    "renew_session",
    "renew_tokens",
    "request_check",
    "request_checks",
    "revoke_api_key",
    "revoke_api_keys",
    "rotate_cookies",
    "settle",
]
