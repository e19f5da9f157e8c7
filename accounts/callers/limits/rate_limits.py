"""Requests a minute of a key: counted in Redis where there is one, else in a row; exact in both.

Minutes are those of the clock, so that all processes mean the same one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from accounts.limits import counters
from accounts.models import ApiKey

logger = logging.getLogger(__name__)

MINUTE_SECONDS = 60
REDIS_SECONDS = 0.5

# Redis runs a script as one step, and by its own clock, which all machines share.
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
    """Where a key stands in its minute, this request counted if it was let through."""

    limit: int
    used: int
    reset_seconds: int
    is_allowed: bool

    @property
    def headers(self) -> dict[str, str]:
        """The three headers of OpenAI's API; the last a duration such as `12s` or `1m0s`."""
        minutes, seconds = divmod(self.reset_seconds, MINUTE_SECONDS)
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(max(self.limit - self.used, 0)),
            "x-ratelimit-reset-requests": f"{minutes}m{seconds}s" if minutes else f"{seconds}s",
        }


def count_request(key: ApiKey, now: datetime) -> Rate | None:
    """Count one request of this key; None when the key has no limit, which costs nothing."""
    if key.per_minute is None:
        return None
    if settings.REDIS_URL:
        try:
            return _count_in_redis(key.key_hash, key.per_minute)
        except (RedisError, OSError) as error:
            logger.warning("Redis did not count a request, a row does: %s", type(error).__name__)
    return _count_in_row(key.pk, key.per_minute, now)


def _count_in_row(key_id: int, limit: int, now: datetime) -> Rate:
    minute = now.replace(second=0, microsecond=0)
    used = counters.take(f"key:{key_id}", counters.REQUESTS, minute, 1, limit)
    return Rate(limit, limit if used is None else used, MINUTE_SECONDS - now.second, used is not None)


def _count_in_redis(key_hash: str, limit: int) -> Rate:
    # By the hash, which no other installation on the same Redis has too.
    name = f"bingproject:requests:{key_hash[:32]}"
    is_allowed, used, left = counting_script(settings.REDIS_URL)(keys=[name], args=[limit])
    return Rate(limit, used, left, bool(is_allowed))


@cache
def counting_script(url: str) -> Any:
    """The script over connections of this process; a Redis that hangs or is gone costs a moment, not the request."""
    client = redis.from_url(
        url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 1)
    )
    return client.register_script(_COUNT)
