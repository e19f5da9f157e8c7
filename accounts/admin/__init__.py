"""Operators' pages for accounts, whitelisted users and API keys."""

from accounts.admin.keys import ApiKeyAdmin
from accounts.admin.pages import AccountAdmin, LeaseAdmin
from accounts.admin.users import WhitelistedUserAdmin

__all__ = ["AccountAdmin", "ApiKeyAdmin", "LeaseAdmin", "WhitelistedUserAdmin"]
