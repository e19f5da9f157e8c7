"""Limited keys on the real server: exactly as many requests pass as allowed, and headers show the use."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from accounts.models import ApiKey, UsageCounter
from tests.factories import make_key

HEADERS = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")


@pytest.fixture(autouse=True)
def test_paths(settings: Any) -> None:
    """Add paths that succeed, fail and stream."""
    settings.ROOT_URLCONF = "tests.bingproject.api.api_urls"


def limited(per_minute: int | None) -> dict[str, str]:
    """Return the headers of a caller with this limit."""
    caller, text = make_key()
    assert caller.key is not None
    ApiKey.objects.filter(pk=caller.key.pk).update(per_minute=per_minute)
    if (second := datetime.now(UTC).second) > 40:
        time.sleep(60 - second + 0.1)  # what follows must fall into one minute of the clock
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.slow
def test_ten_of_a_hundred_concurrent_connections_pass(http: httpx.Client) -> None:
    """The others get 429 with the seconds to wait; all answers have the headers."""
    key = limited(10)
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: http.get("/echo", headers=key), range(100)))
    by_status = {status: [a for a in answers if a.status_code == status] for status in (200, 429)}
    assert [len(found) for found in by_status.values()] == [10, 90]
    assert sorted(int(answer.headers[HEADERS[1]]) for answer in by_status[200]) == list(range(10))
    for answer in by_status[429]:
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert error["message"].startswith("This key is limited to 10 requests per minute.")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert "x-should-retry" not in answer.headers
    assert {(a.headers[HEADERS[0]], a.headers[HEADERS[2]][-1]) for a in answers} == {("10", "s")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/echo", 200),
        ("GET", "/fail/not_found", 404),
        ("POST", "/check", 400),
        ("DELETE", "/echo", 405),
        ("POST", "/wait", 200),
        ("GET", "/wait", 200),
        ("DELETE", "/wait", 500),
    ],
)
def test_every_answer_has_the_rate_limit_headers(http: httpx.Client, method: str, path: str, status: int) -> None:
    """Successes, errors, streams and crashes all count as requests."""
    answer = http.request(method, path, headers=limited(5), json={} if method == "POST" else None)
    assert answer.status_code == status, answer.text
    assert [answer.headers[name] for name in HEADERS[:2]] == ["5", "4"]


def test_other_callers_are_not_counted(http: httpx.Client) -> None:
    """Keys without a limit and callers without a key get no headers and no rows."""
    for headers in (limited(None), {}):
        answer = http.get("/echo", headers=headers)
        assert answer.status_code == 200
        assert not set(HEADERS) & set(answer.headers)
    assert not UsageCounter.objects.exists()


def test_web_pages_can_read_the_rate_limit_headers(http: httpx.Client, settings: Any) -> None:
    """CORS hides headers from a page unless they are exposed."""
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    answer = http.get("/echo", headers=limited(5) | {"Origin": "https://app.example.org"})
    assert set(HEADERS) <= set(answer.headers["access-control-expose-headers"].split(", "))
