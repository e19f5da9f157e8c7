"""The cache and its other users while Redis hangs, is gone, and is back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache, caches
from django.test import Client
from pytest_django import Settings

from bingproject.database import redis_cache
from bingproject.database.redis_cache import PatientRedisCache, patience_with
from tests.factories import make_machine
from tests.rig.servers import MissingServerError, OwnRedis


@pytest.fixture
def redis_server(tmp_path: Path, settings: Settings) -> Iterator[OwnRedis]:
    """A Redis of this test, in which the server's cache is."""
    server = OwnRedis(tmp_path)
    try:
        server.start()
    except MissingServerError as error:
        pytest.skip(str(error))
    settings.REDIS_URL = server.url
    settings.CACHES = {
        "default": {"BACKEND": "bingproject.database.redis_cache.PatientRedisCache", "LOCATION": server.url}
    }
    yield server
    caches["default"].close()
    server.thaw()
    server.stop()


def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is asked each time."""
    monkeypatch.setattr(redis_cache, "RETRY_SECONDS", 0.0)


@pytest.mark.redis
@pytest.mark.parametrize("fail", [OwnRedis.freeze, OwnRedis.kill])
def test_the_first_page_opens_without_redis(
    fail: Callable[[OwnRedis], None], redis_server: OwnRedis, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis hangs or is gone: the cards are counted anew each time; when it is back they are kept again."""
    no_rest(monkeypatch)
    page = "/admin/"
    assert "start a worker" in operator.get(page).content.decode()
    make_machine(machine_id="new-one")
    assert "new-one" not in operator.get(page).content.decode()  # kept
    fail(redis_server)
    answer = operator.get(page)
    assert answer.status_code == 200 and "new-one" in answer.content.decode()
    redis_server.thaw()
    if not redis_server.pids:
        redis_server.start()
    cache.clear()
    operator.get(page)
    make_machine(machine_id="later-one")
    assert "later-one" not in operator.get(page).content.decode()


@pytest.mark.redis
def test_all_of_the_cache_goes_without(redis_server: OwnRedis, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is found, nothing is kept, nothing is raised; only the first call waits; two lines in the log."""
    assert isinstance(caches["default"], PatientRedisCache)
    cache.set("here", 1)
    assert cache.get("here") == 1 and cache.has_key("here") and cache.add("there", 2) and cache.touch("there")
    redis_server.kill()
    with caplog.at_level(logging.INFO):
        assert cache.get("here", "default") == "default"
        cache.set("here", 3)
        assert not cache.add("new", 1) and not cache.touch("here") and not cache.delete("here")
        assert cache.get_many(["here"]) == {} and not cache.has_key("here")
        assert cache.set_many({"a": 1}) == ["a"]
        cache.delete_many(["a"])
        cache.clear()
        redis_server.start()
        patience_with(redis_server.url)._retry_at = 0.0
        cache.set("here", 4)
        assert cache.get("here") == 4
    assert [record.getMessage() for record in caplog.records] == [
        "Redis does not answer (ConnectionError); this process does without it.",
        "Redis answers again.",
    ]


@pytest.mark.redis
def test_a_redis_that_hangs_costs_one_call_its_time(redis_server: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it rests nothing is sent to it: the others do not wait at all."""
    patience = patience_with(redis_server.url)
    cache.set("here", 1)
    redis_server.freeze()
    assert cache.get("here") is None
    assert patience.ask(lambda: "asked", lambda: "without") == "without"
    redis_server.thaw()
    patience._retry_at = 0.0
    assert patience.ask(lambda: "asked", lambda: "without") == "asked"


def test_the_address_says_otherwise(settings: Settings) -> None:
    """Time-outs in the query of REDIS_URL count."""
    found = PatientRedisCache("redis://127.0.0.1:1/0?socket_timeout=7", {})
    options = found._cache.get_client(write=True).connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (7.0, redis_cache.ANSWER_SECONDS)
