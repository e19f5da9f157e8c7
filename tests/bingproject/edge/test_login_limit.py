"""Passwords are hashed one at a time in a lane of their own, with a limit per address."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, ClassVar

import httpx
import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User

from bingproject.edge import login_limit
from bingproject.edge.login_limit import PasswordGuard, hashes_password
from bingproject.errors import RateLimitError
from tests.rig.servers import wait_for
from tests.servers import LiveServer

LOG_IN = "/admin/login/"


@pytest.mark.parametrize(
    ("method", "path", "does"),
    [
        ("POST", LOG_IN, True),
        ("GET", LOG_IN, False),
        ("POST", "/admin/password_change/", True),
        ("POST", "/admin/auth/user/add/", True),
        ("POST", "/admin/auth/user/7/password/", True),
        ("POST", "/admin/auth/user/7/change/", False),
        ("POST", "/admin/login/x/", False),
    ],
)
def test_which_requests_hash_a_password(method: str, path: str, does: bool) -> None:
    """What is sent to one of the pages that take a password."""
    assert hashes_password(method, path) == does


class Clock:
    """A time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_has_so_many_tries_a_minute() -> None:
    """They come back one by one; another address has its own, two of one IPv6 network share theirs."""
    clock = Clock()
    guard = PasswordGuard(clock)

    def tries(peer: str) -> int:
        for count in range(100):
            try:
                with guard.enter(peer):
                    pass
            except RateLimitError as error:
                assert error.retry_after is not None and 0 < error.retry_after <= 60 / login_limit.PER_MINUTE
                return count
        return 100

    assert tries("192.0.2.1") == login_limit.PER_MINUTE
    assert tries("192.0.2.1") == 0
    assert tries("192.0.2.2") == login_limit.PER_MINUTE
    assert tries("2001:db8::1") == login_limit.PER_MINUTE
    assert tries("2001:db8::ffff") == 0
    clock.now += 30
    assert tries("192.0.2.1") == login_limit.PER_MINUTE // 2
    clock.now += 3600
    assert tries("192.0.2.1") == login_limit.PER_MINUTE
    assert tries("") == login_limit.PER_MINUTE  # a socket without an address


def test_addresses_without_end_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded; who came last is remembered."""
    monkeypatch.setattr(login_limit, "ADDRESSES", 3)
    guard = PasswordGuard(Clock())
    for number in range(10):
        with guard.enter(f"192.0.2.{number}"):
            pass
    assert len(guard._whole_at) == 3


def test_the_line_is_short() -> None:
    """A request beyond the queue's length gets 429, and uses none of its address's attempts."""
    guard = PasswordGuard(Clock())
    with standing_in_line(guard, login_limit.LINE_LENGTH):
        with pytest.raises(RateLimitError) as caught, guard.enter("192.0.2.1"):
            pass
        assert caught.value.retry_after == login_limit.LINE_RETRY_SECONDS
    with guard.enter("192.0.2.1"):
        pass


def standing_in_line(guard: PasswordGuard, count: int) -> Any:
    """Queue this number of requests, each from a different address."""
    stack = ExitStack()
    for number in range(count):
        stack.enter_context(guard.enter(f"198.51.100.{number}"))
    return stack


class SlowHasher(MD5PasswordHasher):
    """Hashes only while it is let, and remembers how many it did at once."""

    algorithm = "slow"
    go: ClassVar[threading.Event] = threading.Event()
    at_once: ClassVar[list[int]] = []
    running: ClassVar[int] = 0

    def encode(self, password: str, salt: str) -> str:
        """As the quick one, when the test lets it."""
        cls = SlowHasher
        cls.running += 1
        cls.at_once.append(cls.running)
        cls.go.wait(30)
        cls.running -= 1
        return super().encode(password, salt)


@pytest.fixture
def slow_hashes(settings: Any) -> type[SlowHasher]:
    """Every password takes until the test lets it."""
    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher"]
    SlowHasher.go.clear()
    SlowHasher.at_once.clear()
    return SlowHasher


def test_log_ins_hold_up_nobody_else(site: LiveServer, slow_hashes: type[SlowHasher]) -> None:
    """While passwords are hashed one at a time, calls are answered; the line's end is 429 with Retry-After."""
    with httpx.Client(base_url=site.url, timeout=60) as page:
        token = page.get(LOG_IN).cookies["csrftoken"]

    def log_in(number: int) -> httpx.Response:
        form = {"username": f"nobody{number}", "password": "x", "csrfmiddlewaretoken": token}
        return httpx.post(f"{site.url}{LOG_IN}", data=form, cookies={"csrftoken": token}, timeout=60)

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(log_in, number) for number in range(12)]
        wait_for(lambda: sum(one.done() for one in asked) == 12 - login_limit.LINE_LENGTH, "the end of the line")
        wait_for(lambda: bool(slow_hashes.at_once), "the first hash")
        for _ in range(8):  # more than there are lanes
            assert httpx.get(f"{site.url}/tasks", timeout=20).status_code == 200
        assert slow_hashes.at_once == [1]
        slow_hashes.go.set()
        answers = [one.result() for one in asked]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 12 - login_limit.LINE_LENGTH
    assert all(answer.headers["retry-after"] == str(login_limit.LINE_RETRY_SECONDS) for answer in refused)
    assert all(answer.headers["content-type"].startswith("text/html") for answer in refused)
    assert all("<h1>Too many log-ins</h1>" in answer.text for answer in refused)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert set(slow_hashes.at_once) == {1}
    assert not User.objects.exists()
