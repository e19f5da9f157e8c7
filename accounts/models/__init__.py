"""Models of accounts and callers, and the state changes of one row; no network access."""

from accounts.models.accounts import (
    CAPABILITIES,
    DEFAULT_LIMITS,
    DEFAULT_PACES,
    USABLE_STATES,
    Account,
    AccountCapability,
    AccountCapabilityQuerySet,
    AccountKind,
    AccountState,
    Capability,
    CheckState,
    Lease,
)
from accounts.models.callers import (
    SCOPES,
    ApiKey,
    PendingUpload,
    UsageCounter,
    WhitelistedUser,
    find_key,
)

__all__ = [
    "CAPABILITIES",
    "DEFAULT_LIMITS",
    "DEFAULT_PACES",
    "SCOPES",
    "USABLE_STATES",
    "Account",
    "AccountCapability",
    "AccountCapabilityQuerySet",
    "AccountKind",
    "AccountState",
    "ApiKey",
    "Capability",
    "CheckState",
    "Lease",
    "PendingUpload",
    "UsageCounter",
    "WhitelistedUser",
    "find_key",
]
