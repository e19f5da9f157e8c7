"""Counters: one statement each, exact over threads and processes; old ones go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.limits import counters, prune_counters
from accounts.models import UsageCounter
from tests.accounts.limits.asking import in_processes, in_threads

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime(2026, 11, 24, tzinfo=UTC)
TAKE = """
from datetime import UTC, datetime
from accounts.limits import counters
day = datetime(2026, 11, 24, tzinfo=UTC)
print(sum(counters.take("user:anna", "image", day, 1, 25) is not None for _ in range(25)))
"""


def test_it_takes_up_to_the_limit_and_no_further() -> None:
    """Whole requests only: what does not fit changes nothing, and what fits later does."""
    found = [counters.take("user:anna", "image", DAY, number, 5) for number in (2, 4, 3, 1)]
    assert found == [2, None, 5, None]
    assert counters.read("user:anna", "image", DAY) == 5


def test_the_first_of_a_window_is_judged_too() -> None:
    """There is no row yet that could refuse it."""
    assert counters.take("user:anna", "image", DAY, 3, 2) is None
    assert counters.take("user:anna", "image", DAY, 1, 0) is None
    assert not UsageCounter.objects.exists()


def test_counters_are_apart() -> None:
    """By holder, kind and window."""
    counters.take("user:anna", "image", DAY, 1, 1)
    for holder, kind, window in (
        ("user:bert", "image", DAY),
        ("user:anna", "video", DAY),
        ("user:anna", "image", DAY + timedelta(days=1)),
    ):
        assert counters.take(holder, kind, window, 1, 1) == 1


def test_without_a_limit_it_counts_all_the_same() -> None:
    """So that operators see who asks for how much."""
    assert [counters.take("user:anna", "image", DAY, 1000, None) for _ in range(2)] == [1000, 2000]


def test_what_is_given_back_can_be_taken_again() -> None:
    """Never below nothing: a window that was pruned stays so."""
    counters.take("user:anna", "image", DAY, 2, 2)
    counters.release("user:anna", "image", DAY, 1)
    assert counters.take("user:anna", "image", DAY, 1, 2) == 2
    counters.release("user:anna", "image", DAY, 3)
    counters.release("user:anna", "video", DAY, 1)
    assert list(UsageCounter.objects.values_list("kind", "count")) == [("image", 2)]


def test_of_a_hundred_at_once_ten_get_in() -> None:
    """Threads of one process, the window without a row at first."""
    answers = in_threads(lambda: counters.take("user:anna", "image", DAY, 1, 10), times=100)
    assert sorted(answer for answer in answers if answer is not None) == list(range(1, 11))
    assert UsageCounter.objects.get().count == 10


def test_processes_share_the_limit() -> None:
    """Four processes that ask 25 times each get 25 together."""
    assert sum(map(int, in_processes(TAKE, times=4))) == 25
    assert UsageCounter.objects.get().count == 25


def test_old_windows_are_pruned() -> None:
    """Minutes after an hour, days after a week; those that may still be given back to stay."""
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
    assert set(UsageCounter.objects.values_list("holder", flat=True)) == kept
