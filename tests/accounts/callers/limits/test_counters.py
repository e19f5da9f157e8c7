"""Counters are exact across threads and processes, and old ones are pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError
from django.utils import timezone

from accounts.callers.limits import counters, prune_counters
from accounts.models import UsageCounter
from tests.accounts.callers.limits.asking import in_processes, in_threads

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime(2026, 11, 24, tzinfo=UTC)
TAKE = """
from datetime import UTC, datetime
from accounts.callers.limits import counters
day = datetime(2026, 11, 24, tzinfo=UTC)
print(sum(counters.take("user:anna", "image", day, 1, 25) is not None for _ in range(25)))
"""


def test_take_counts_up_to_the_limit() -> None:
    """A request that does not fit changes nothing; a smaller one after it is counted."""
    found = [counters.take("user:anna", "image", DAY, number, 5) for number in (2, 4, 3, 1)]
    assert found == [2, None, 5, None]
    assert counters.read("user:anna", "image", DAY) == 5


def test_the_first_request_of_a_window_is_limited() -> None:
    """There is no row yet whose count could exceed the limit."""
    assert counters.take("user:anna", "image", DAY, 3, 2) is None
    assert counters.take("user:anna", "image", DAY, 1, 0) is None
    assert not UsageCounter.objects.exists()


def test_counters_are_separate() -> None:
    """By caller, kind and window."""
    counters.take("user:anna", "image", DAY, 1, 1)
    for caller_id, kind, window in (
        ("user:bert", "image", DAY),
        ("user:anna", "video", DAY),
        ("user:anna", "image", DAY + timedelta(days=1)),
    ):
        assert counters.take(caller_id, kind, window, 1, 1) == 1


def test_a_caller_id_is_cleaned_for_its_column() -> None:
    """Ids with U+0000 or half a surrogate pair work; an id that is too long is refused."""
    assert counters.take("user:a\0\ud800", "image", DAY, 2, 5) == 2
    counters.release("user:a\0\ud800", "image", DAY, 1)
    assert counters.read("user:a\0\ud800", "image", DAY) == 1
    assert UsageCounter.objects.get().caller_id == "user:a\N{REPLACEMENT CHARACTER}"
    with pytest.raises(DataError):
        counters.take("x" * 121, "image", DAY, 1, 5)


def test_use_without_a_limit_is_counted() -> None:
    """Operators see the use of all callers."""
    assert [counters.take("user:anna", "image", DAY, 1000, None) for _ in range(2)] == [1000, 2000]


def test_released_counts_can_be_taken_again() -> None:
    """A count never drops below 0, and a pruned window stays pruned."""
    counters.take("user:anna", "image", DAY, 2, 2)
    counters.release("user:anna", "image", DAY, 1)
    assert counters.take("user:anna", "image", DAY, 1, 2) == 2
    counters.release("user:anna", "image", DAY, 3)
    counters.release("user:anna", "video", DAY, 1)
    assert list(UsageCounter.objects.values_list("kind", "count")) == [("image", 2)]


def test_ten_of_a_hundred_concurrent_threads_are_counted() -> None:
    """The window has no row at first."""
    answers = in_threads(lambda: counters.take("user:anna", "image", DAY, 1, 10), times=100)
    assert sorted(answer for answer in answers if answer is not None) == list(range(1, 11))
    assert UsageCounter.objects.get().count == 10


@pytest.mark.slow
def test_processes_share_the_limit() -> None:
    """Of 4 times 25 requests, 25 are counted."""
    assert sum(map(int, in_processes(TAKE, times=4))) == 25
    assert UsageCounter.objects.get().count == 25


def test_old_windows_are_pruned() -> None:
    """Minutes after an hour, days after a week; windows whose work may still be running stay."""
    now = timezone.now()
    ages = {
        ("requests", 59): True,
        ("requests", 61): False,
        ("image", 60 * 24 * 7): True,
        ("image", 60 * 24 * 9): False,
    }
    for kind, minutes in ages:
        counters.take(f"{kind} {minutes}", kind, now - timedelta(minutes=minutes), 1, 1)
    assert prune_counters(now) == 2
    kept = {f"{kind} {minutes}" for (kind, minutes), stays in ages.items() if stays}
    assert set(UsageCounter.objects.values_list("caller_id", flat=True)) == kept
