"""Requests per minute of a key, counted exactly: in Redis if configured, otherwise in a row.

Windows are minutes of the clock, so that all processes count in the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import redis
from django.conf import settings

from accounts.callers.limits import counters
from accounts.models import ApiKey
from bingproject.database.redis_cache import connection_options, patience_with

MINUTE_SECONDS = 60

# Redis runs a script atomically, and by its own clock, which all machines share.
_COUNT = """
local now = tonumber(redis.call('TIME')[1])
local left = 60 - now % 60
local minute = KEYS[1] .. ':' .. (now + left)
local used = tonumber(redis.call('GET', minute) or '0')
if used >= tonumber(ARGV[1]) then return {0, used, left} end
used = redis.call('INCR', minute)
if used == 1 then redis.call('EXPIRE', minute, 120) end
return {1, used, left}
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """A key's use of the current minute, including this request if it is allowed."""

    limit: int
    used: int
    reset_seconds: int
    is_allowed: bool

    @property
    def headers(self) -> dict[str, str]:
        """Return the three headers of OpenAI's API; the last one is a duration such as `12s` or `1m0s`."""
        minutes, seconds = divmod(self.reset_seconds, MINUTE_SECONDS)
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(max(self.limit - self.used, 0)),
            "x-ratelimit-reset-requests": f"{minutes}m{seconds}s" if minutes else f"{seconds}s",
        }


def count_request(key: ApiKey, now: datetime) -> Rate | None:
    """Count one request of this key; return None without a query if the key has no limit."""
    if key.per_minute is None:
        return None
    key_id, key_hash, limit = key.pk, key.key_hash, key.per_minute
    if not settings.REDIS_URL:
        return _count_in_row(key_id, limit, now)
    return patience_with(settings.REDIS_URL).ask(
        lambda: _count_in_redis(key_hash, limit), lambda: _count_in_row(key_id, limit, now)
    )


def _count_in_row(key_id: int, limit: int, now: datetime) -> Rate:
    minute = now.replace(second=0, microsecond=0)
    used = counters.take(f"key:{key_id}", counters.REQUESTS, minute, 1, limit)
    return Rate(limit, limit if used is None else used, MINUTE_SECONDS - now.second, used is not None)


def _count_in_redis(key_hash: str, limit: int) -> Rate:
    # Named by the hash: key ids repeat in other installations on the same Redis, hashes do not.
    name = f"bingproject:requests:{key_hash[:32]}"
    is_allowed, used, left = counting_script(settings.REDIS_URL)(keys=[name], args=[limit])
    return Rate(limit, used, left, bool(is_allowed))


@cache
def counting_script(url: str) -> Any:
    """Return the script, bound to this process's connections; their time-outs bound what a dead Redis costs."""
    return redis.from_url(url, **connection_options()).register_script(_COUNT)
