"""Limits of callers: daily quotas of users, and requests per minute of keys; exact under concurrency."""

from accounts.callers.limits.counters import prune_counters
from accounts.callers.limits.quotas import Allowance, give_back, require_quota, take_quota, used_today
from accounts.callers.limits.rate_limits import Rate, count_request

__all__ = [
    "Allowance",
    "Rate",
    "count_request",
    "give_back",
    "prune_counters",
    "require_quota",
    "take_quota",
    "used_today",
]
