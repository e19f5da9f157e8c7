"""Requests per minute are counted in rows or in Redis, and in rows while Redis is unreachable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.callers.limits import Rate, count_request
from accounts.callers.limits.rate_limits import counting_script
from accounts.models import ApiKey, UsageCounter
from tests.accounts.callers.limits.asking import in_processes, in_threads
from tests.factories import make_key
from tests.rig.servers import MissingServerError, OwnRedis

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 12, 0, 48, 500_000, tzinfo=UTC)
COUNT = """
from accounts.callers.limits import count_request
from accounts.models import ApiKey
from django.utils import timezone
key = ApiKey.objects.get()
print(sum(count_request(key, timezone.now()).is_allowed for _ in range(25)))
"""


def make_limited(per_minute: int | None) -> ApiKey:
    """Create a key with this limit per minute."""
    key = make_key()[0].key
    assert key is not None
    key.per_minute = per_minute
    key.save(update_fields=["per_minute"])
    return key


def early_in_a_minute() -> None:
    """Wait if the current minute of the clock is almost over, since the test needs a whole one."""
    if (second := datetime.now(UTC).second) > 40:
        time.sleep(60 - second + 0.1)


@pytest.fixture
def redis_server(tmp_path: Path, settings: Settings) -> Iterator[OwnRedis]:
    """Start a Redis server that this process uses."""
    server = OwnRedis(tmp_path)
    try:
        server.start()
    except MissingServerError as error:
        pytest.skip(str(error))
    settings.REDIS_URL = server.url
    try:
        yield server
    finally:
        counting_script(server.url).registered_client.close()
        counting_script.cache_clear()
        server.stop()


def test_a_key_without_a_limit_costs_nothing() -> None:
    """It needs no query and sets no headers."""
    key = make_limited(None)
    with CaptureQueriesContext(connection) as queries:
        assert count_request(key, NOW) is None
    assert len(queries) == 0


def test_a_minute_in_rows() -> None:
    """Requests pass up to the limit, then not until the next minute; each is one statement."""
    key = make_limited(2)
    with CaptureQueriesContext(connection) as queries:
        found = [count_request(key, NOW) for _ in range(3)]
    assert found == [Rate(2, 1, 12, True), Rate(2, 2, 12, True), Rate(2, 2, 12, False)]
    assert len(queries) == 3
    assert count_request(key, NOW + timedelta(seconds=12)) == Rate(2, 1, 60, True)
    assert count_request(make_limited(2), NOW) == Rate(2, 1, 12, True)


def test_the_headers_are_those_of_openai() -> None:
    """Two numbers and a duration; `remaining` is not negative after the limit was lowered."""
    assert Rate(10, 3, 12, True).headers == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "12s",
    }
    assert Rate(10, 12, 60, False).headers["x-ratelimit-remaining-requests"] == "0"
    assert Rate(10, 12, 60, False).headers["x-ratelimit-reset-requests"] == "1m0s"


def test_ten_of_a_hundred_concurrent_requests_pass() -> None:
    """Threads of one process; the minute has no row at first."""
    key = make_limited(10)
    rates = in_threads(lambda: count_request(key, NOW), times=100)
    assert [rate.is_allowed for rate in rates].count(True) == 10
    assert UsageCounter.objects.get().count == 10


@pytest.mark.redis
def test_a_minute_in_redis(redis_server: OwnRedis) -> None:
    """Ten of a hundred concurrent requests pass, by Redis's clock; no row is written, and the counter expires."""
    key = make_limited(10)
    early_in_a_minute()
    rates = in_threads(lambda: count_request(key, NOW), times=100)
    assert [rate.is_allowed for rate in rates].count(True) == 10
    assert sorted(rate.used for rate in rates if rate.is_allowed) == list(range(1, 11))
    assert all(0 < rate.reset_seconds <= 60 for rate in rates)
    assert not UsageCounter.objects.exists()
    with redis.from_url(redis_server.url) as client:
        (name,) = client.keys("bingproject:requests:*")
        assert client.get(name) == b"10"
        assert 0 < client.ttl(name) <= 120


@pytest.mark.slow
@pytest.mark.redis
def test_processes_share_a_minute_in_redis(redis_server: OwnRedis) -> None:
    """Of 4 times 25 requests, 25 pass."""
    make_limited(25)
    early_in_a_minute()
    secrets = {"SECRET_KEY": "x" * 50, "SEAL_KEYS": "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="}
    printed = in_processes(COUNT, times=4, REDIS_URL=redis_server.url, **secrets)
    assert sum(map(int, printed)) == 25


@pytest.mark.redis
def test_a_row_counts_while_redis_is_unreachable(redis_server: OwnRedis) -> None:
    """Callers still get answers, and the row has a limit of its own."""
    key = make_limited(1)
    assert (first := count_request(key, NOW)) is not None and first.is_allowed
    redis_server.kill()
    found = [count_request(key, NOW) for _ in range(2)]
    assert found == [Rate(1, 1, 12, True), Rate(1, 1, 12, False)]
