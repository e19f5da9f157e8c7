"""Use Redis as a cache that may fail: without an answer in half a second, go on without it.

The connections of the queue are in bingproject.cluster.brokers: those wait for Redis, these do not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

T = TypeVar("T")
logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.5
# A Redis that hangs costs a request `ANSWER_SECONDS`. So one request tries, and the others do without for this time.
RETRY_SECONDS = 5.0


class Patience:
    """Decide whether to ask a Redis now. Logs one line when it stops answering, and one when it answers again."""

    def __init__(self) -> None:
        self._retry_at: float | None = None

    def ask(self, call: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """Return the result of `call`, which uses Redis, or that of `otherwise` if Redis fails or failed just now.

        After a failure (RedisError or OSError), Redis is tried again by one thread every RETRY_SECONDS; all other calls
        use `otherwise` at once. Other exceptions of `call` are raised.
        """
        rests_until = self._retry_at
        if rests_until is not None and time.monotonic() < rests_until:
            return otherwise()
        if rests_until is not None:
            self._retry_at = time.monotonic() + RETRY_SECONDS  # until this try has ended, others do not try
        try:
            found = call()
        except (RedisError, OSError) as error:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            if rests_until is None:
                logger.warning("Redis does not answer (%s); this process does without it.", type(error).__name__)
            return otherwise()
        if rests_until is not None:
            self._retry_at = None
            logger.warning("Redis answers again.")
        return found


@cache
def patience_with(url: str) -> Patience:
    """Return the one `Patience` of this process for a Redis."""
    return Patience()


def connection_options() -> dict[str, Any]:
    """Return the options of connections. Time-outs in the query of REDIS_URL override them."""
    return {
        "socket_connect_timeout": ANSWER_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        # One retry, since a pooled connection may be older than the last restart of Redis.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    }


class PatientRedisCache(RedisCache):
    """Django's Redis cache; while Redis does not answer, it finds nothing and stores nothing.

    `incr` and `decr` raise instead, since no answer would be right.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = connection_options() | params.get("OPTIONS", {})
        super().__init__(server, params | {"OPTIONS": options})
        self._patience = patience_with(server)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Return False if Redis does not answer: nothing was stored."""
        add = super().add
        return self._patience.ask(lambda: add(key, value, timeout, version), lambda: False)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the default if Redis does not answer."""
        get = super().get
        return self._patience.ask(lambda: get(key, default, version), lambda: default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store nothing if Redis does not answer."""
        keep = super().set
        self._patience.ask(lambda: keep(key, value, timeout, version), lambda: None)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Return False if Redis does not answer."""
        touch = super().touch
        return self._patience.ask(lambda: touch(key, timeout, version), lambda: False)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Return False if Redis does not answer; the value expires by itself."""
        delete = super().delete
        return self._patience.ask(lambda: delete(key, version), lambda: False)

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        """Return no value if Redis does not answer."""
        get_many = super().get_many
        return self._patience.ask(lambda: get_many(keys, version), dict)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Return False if Redis does not answer."""
        has_key = super().has_key
        return self._patience.ask(lambda: has_key(key, version), lambda: False)

    def set_many(self, data: dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Return all keys, as not stored, if Redis does not answer."""
        set_many = super().set_many
        return self._patience.ask(lambda: set_many(data, timeout, version), lambda: list(data))

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        """Delete nothing if Redis does not answer."""
        delete_many = super().delete_many
        self._patience.ask(lambda: delete_many(keys, version), lambda: None)

    def clear(self) -> None:
        """Clear nothing if Redis does not answer."""
        clear = super().clear
        self._patience.ask(lambda: bool(clear()), lambda: False)
