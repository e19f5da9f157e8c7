"""How much callers may ask for: daily quotas of whitelisted users, requests a minute of keys; exact whoever asks."""

from accounts.limits.counters import prune_counters
from accounts.limits.quotas import Allowance, give_back, require_quota, take_quota, used_today
from accounts.limits.rates import Rate, count_request

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
